# A deliberately careless MCP server over HTTP on the standard library: it serves every path and method, believes lengths,
# trailers and override fields, guesses encodings, reads NaN, batches, both of two equal keys and keys in any case, and runs
# the tool that a field names. Prints its port; writes each tool that it ran to the file given as its argument. With `stdio`
# after that it reads lines of stdin in the same way.
import codecs
import gzip
import json
import sys
import unicodedata
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def fold(text):
    kept = unicodedata.normalize("NFKC", str(text)).lower()
    return "".join(c for c in kept if unicodedata.category(c)[0] not in "CZ" and c not in "_-")


class Pairs(list):
    """An object as it stands in the text, with every key."""

    def every(self, key):
        return [value for name, value in self if fold(name) == key]


def texts_of(body, charset):
    for encoding in (charset, json.detect_encoding(body), "utf-8", "utf-7"):
        try:
            yield body.decode(encoding, "surrogatepass" if "7" not in encoding else "ignore")
        except (LookupError, UnicodeError):
            continue


def messages_of(text):
    text = text.lstrip("\ufeff")
    for part in [text, *text.splitlines()]:
        decoder = json.JSONDecoder(object_pairs_hook=Pairs, strict=False)
        rest = part.strip()
        while rest:
            try:
                value, end = decoder.raw_decode(rest)
            except (ValueError, RecursionError):
                break
            rest = rest[end:].strip()
            yield from value if isinstance(value, list) and not isinstance(value, Pairs) else [value]


def run_all(body, charset="utf-8", method="", mirrored=None):
    ids = []
    for text in texts_of(body, charset):
        for message in messages_of(text):
            if not isinstance(message, Pairs):
                continue
            ids += message.every("id")
            methods = [*message.every("method"), method]
            if not any(fold(each) in ("tools/call", "toolscall") for each in methods):
                continue
            for params in message.every("params"):
                if isinstance(params, str):
                    params = next(iter(messages_of(params)), None)
                for name in params.every("name") if isinstance(params, Pairs) else params or []:
                    run(str(name).partition("\0")[0])
            if mirrored is not None:
                run(decode_mirrored(mirrored))
    return ids


def run(name):
    with open(sys.argv[1], "a") as log:
        log.write(urllib.parse.quote(name) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        known = super().parse_request()
        if known:
            setattr(self, "do_" + self.command, self.take)
        return known

    def read_chunks(self):
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0].strip() or b"0", 16)
            if size <= 0:
                break
            body += self.rfile.read(size)
            self.rfile.readline()
        while True:
            line = self.rfile.readline().strip()
            if not line:
                return body
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name] = value.strip()

    def field(self, *names):
        found = [value for name, value in self.headers.items() if fold(name) in map(fold, names)]
        return found[-1].strip() if found else None

    def read_body(self):
        if "chunked" in (self.field("transfer-encoding") or "").lower():
            body = self.read_chunks()
        else:
            body = self.rfile.read(int(self.field("content-length") or 0))
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body

    def take(self):
        charset = (self.field("content-type") or "").partition("charset=")[2].split(";")[0].strip('" ') or "utf-8"
        mirrored = self.field("mcp-name")
        ids = run_all(self.read_body(), charset, self.field("mcp-method") or "", mirrored)
        self.answer(ids[0] if ids else None)

    def answer(self, request_id):
        body = json.dumps({"jsonrpc": "2.0", "id": request_id, "result": {"content": []}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def decode_mirrored(value):
    if value.startswith("=?base64?"):
        return codecs.decode(value[9:].removesuffix("?=").encode() + b"==", "base64").decode("utf-8", "replace")
    return value


if sys.argv[2:] == ["stdio"]:
    for line in sys.stdin.buffer:
        for request_id in [each for each in run_all(line.rstrip(b"\r\n")) if isinstance(each, (int, str))][:1]:
            print(json.dumps({"jsonrpc": "2.0", "id": request_id, "result": {"content": []}}), flush=True)
else:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"listening on http://127.0.0.1:{server.server_port}/mcp", flush=True)
    server.serve_forever()
