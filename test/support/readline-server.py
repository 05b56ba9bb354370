# An MCP server that reads as the official Python SDK does: a TextIOWrapper over stdin, whose universal newlines end a line
# at a raw CR too. Writes each tool that it executed to the file given as its argument.
import json
import sys
from io import TextIOWrapper

for line in TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
    if not line.strip():
        continue
    value = json.loads(line)
    for message in value if isinstance(value, list) else [value]:
        if message.get("method") == "tools/call":
            with open(sys.argv[1], "a") as log:
                log.write(message["params"]["name"] + "\n")
        if "id" in message:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}), flush=True)
