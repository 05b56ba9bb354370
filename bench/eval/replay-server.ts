// An MCP server over stdio that answers as a recorded one did: `replay-server.js <calls file> <executed file>`. The first file holds
// JSON Lines {index, tool, arguments, result, isError} of one session and server; the number of each call that reaches it is
// appended to the second before the answer. Calls come in order, but some may never come.
import { openSync, readFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** One recorded call, as the server needs it. */
export interface ReplayedCall {
  readonly index: number
  readonly tool: string
  readonly arguments: unknown
  readonly result: string
  readonly isError: boolean
}

interface Request {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly name?: string; readonly arguments?: unknown }
}

const [callsFile, executedFile] = process.argv.slice(2)
if (callsFile !== undefined && executedFile !== undefined) serve(callsFile, openSync(executedFile, 'a', 0o600))

function serve(file: string, executed: number): void {
  const left = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ReplayedCall]))
  const tools = [...new Set(left.map(({ tool }) => tool))].map((name) => ({ name, inputSchema: { type: 'object' } }))
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const { id, method, params } = JSON.parse(line) as Request
    if (id === undefined) return
    if (method === 'tools/call') return answer(id, run(params?.name, params?.arguments))
    const info = { capabilities: { tools: {} }, serverInfo: { name: 'replay-server', version: '1.0.0' } }
    answer(id, method === 'initialize' ? { protocolVersion: '2025-11-25', ...info } : { tools })
  })
  lines.once('close', () => process.exit())

  function run(tool: string | undefined, args: unknown): object {
    const text = JSON.stringify(args)
    const place = left.findIndex((each) => each.tool === tool && JSON.stringify(each.arguments) === text)
    const [call] = place === -1 ? [] : left.splice(place, 1)
    if (call === undefined) return { content: [{ type: 'text', text: 'no such call was recorded' }], isError: true }
    writeSync(executed, `${call.index}\n`)
    return { content: [{ type: 'text', text: call.result }], ...(call.isError ? { isError: true } : {}) }
  }
}

function answer(id: string | number, result: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}
