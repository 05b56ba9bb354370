// A small scripted MCP server over stdio: plain JSON lines, no SDK, so that tests decide every byte it writes.
// Options: `--log <file>` keeps every byte it receives; `--ignore-eof`, `--ignore-sigterm`; `--noise` writes lines that are no JSON.
import { appendFileSync } from 'node:fs'

interface Request {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly name?: string; readonly arguments?: Readonly<Record<string, unknown>> }
}

const options = process.argv.slice(2)
const logFile = options.includes('--log') ? options[options.indexOf('--log') + 1] : undefined
const waiting: (() => void)[] = []

if (options.includes('--noise')) process.stdout.write('starting …\nINFO: not JSON\r\n\n')
if (options.includes('--ignore-sigterm')) process.on('SIGTERM', () => undefined)
process.stderr.write('echo server: ready\n')

let parts: Buffer[] = []
process.stdin.on('data', (chunk: Buffer) => {
  if (logFile !== undefined) appendFileSync(logFile, chunk)
  parts.push(chunk)
  if (!chunk.includes(0x0a)) return
  const whole = Buffer.concat(parts)
  const end = whole.lastIndexOf(0x0a) + 1
  parts = [whole.subarray(end)]
  for (const line of whole.toString('utf8', 0, end).split('\n')) {
    if (line.trim() !== '') take(JSON.parse(line) as Request)
  }
})
process.stdin.on('end', () => {
  if (options.includes('--ignore-eof')) setInterval(() => undefined, 1_000)
})

function take({ id, method, params }: Request): void {
  if (method === 'tools/call' && id !== undefined) return call(id, params?.name ?? '', params?.arguments ?? {})
  if (method === 'notifications/release') for (const wake of waiting.splice(0)) wake()
  if (id === undefined || method === undefined) return
  const results: Readonly<Record<string, object>> = {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'echo-server', version: '1.0.0' },
    },
    'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }] },
  }
  answer(id, results[method] ?? {})
}

/** What each tool does, by its name. */
function call(id: string | number, tool: string, args: Readonly<Record<string, unknown>>): void {
  switch (tool) {
    case 'slow':
      waiting.push(() => answerText(id, 'slept'))
      return
    case 'release':
      answerText(id, 'released')
      for (const wake of waiting.splice(0)) wake()
      return
    case 'silent':
      return
    case 'big':
      return answerText(id, 'x'.repeat(Number(args.bytes)))
    case 'environment':
      return answerText(id, JSON.stringify(process.env))
    case 'raw':
      // The exact bytes that the test wants, instead of an answer.
      process.stdout.write(Buffer.from(String(args.base64), 'base64'))
      return
    case 'exit':
      answerText(id, 'x'.repeat(Number(args.bytes ?? 1)))
      process.stdout.write('', () => process.exit(Number(args.code)))
      return
    case 'crash':
      process.exit(Number(args.code))
      return
    case 'signal':
      process.kill(process.pid, String(args.signal) as NodeJS.Signals)
      return
    default:
      return answerText(id, JSON.stringify(args))
  }
}

function answerText(id: string | number, content: string): void {
  answer(id, { content: [{ type: 'text', text: content }] })
}

function answer(id: string | number, result: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}
