// An MCP server over stdio that says on disk what it ran: `counting-server.js <file>` appends the number of each call
// before it answers. `count` answers at once, `hold` once `<file>.go` is there.
import { existsSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

interface Request {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly name?: string; readonly arguments?: { readonly number?: string } }
}

const LOOK_MS = 10

const [file = ''] = process.argv.slice(2)
// O_APPEND: servers of killed gateways may still be at work beside this one.
const executed = openSync(file, 'a')
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => take(JSON.parse(line) as Request))
// Nobody waits for what is still held.
lines.once('close', () => process.exit())

function take({ id, method, params }: Request): void {
  if (id === undefined) return
  if (method === 'tools/call') return run(id, params?.name ?? '', params?.arguments?.number ?? '')
  const info = { capabilities: { tools: {} }, serverInfo: { name: 'counting-server', version: '1.0.0' } }
  answer(id, method === 'initialize' ? { protocolVersion: '2025-11-25', ...info } : { tools: [] })
}

function run(id: string | number, tool: string, number: string): void {
  writeSync(executed, `${number}\n`)
  const done = (): void => answer(id, { content: [{ type: 'text', text: number }] })
  if (tool !== 'hold') return done()
  const timer = setInterval(() => {
    if (!existsSync(`${file}.go`)) return
    clearInterval(timer)
    done()
  }, LOOK_MS)
}

function answer(id: string | number, result: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}
