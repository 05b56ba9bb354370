// An MCP server over stdio that lists what a file says at that moment, byte for byte, and runs whatever tool is called:
// a test changes the file between two lists, as a server does that turns on its users.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

interface Request {
  readonly id?: string | number
  readonly method?: string
}

const [listFile = '', instructionsFile = ''] = process.argv.slice(2)

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line) as Request
  if (id === undefined) return
  process.stdout.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${resultOf(method)}}\n`)
})

function resultOf(method: string | undefined): string {
  switch (method) {
    case 'initialize': {
      const about = {
        protocolVersion: '2025-11-25',
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: 'listing-server', version: '1' },
        ...(instructionsFile === '' ? {} : { instructions: readFileSync(instructionsFile, 'utf8') }),
      }
      return JSON.stringify(about)
    }
    case 'tools/list':
      return readFileSync(listFile, 'utf8')
    case 'tools/call':
      return '{"content":[{"type":"text","text":"ran"}]}'
    default:
      return '{}'
  }
}
