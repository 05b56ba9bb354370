// Makes a server on Streamable HTTP one on stdio (MCP 2025-11-25): each line of stdin is posted, each message that comes
// back is a line of stdout. Used in the same way with and without a gateway before it. `http-client-bridge.js <url>`
import { createInterface } from 'node:readline'

const url = process.argv[2] ?? ''
const VERSION = '2025-11-25'
let session: string | undefined
/** Everything waits for the answer to `initialize`; the rest goes out as it comes. */
let ready: Promise<void> = Promise.resolve()

for await (const line of createInterface({ input: process.stdin })) {
  const { method } = JSON.parse(line) as { readonly method?: string }
  if (method === 'initialize') ready = post(line)
  else if (method === 'notifications/initialized') ready = ready.then(() => post(line)).then(() => void listen())
  else ready.then(() => post(line)).catch(fail)
}
if (session !== undefined) await fetch(url, { method: 'DELETE', headers: headers() })
process.exit(0)

function headers(): Record<string, string> {
  const fields = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
  return session === undefined ? fields : { ...fields, 'mcp-session-id': session, 'mcp-protocol-version': VERSION }
}

async function post(body: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: headers(), body })
  session ??= response.headers.get('mcp-session-id') ?? undefined
  await read(response)
}

/** The stream of what the server says by itself, opened anew whenever it ends. */
async function listen(): Promise<void> {
  try {
    for (;;) {
      const response = await fetch(url, { headers: headers() })
      if (response.status !== 200) return
      await read(response)
    }
  } catch (error) {
    fail(error)
  }
}

async function read(response: Response): Promise<void> {
  const type = response.headers.get('content-type') ?? ''
  if (type.startsWith('application/json')) return write(await response.text())
  if (!type.startsWith('text/event-stream') || response.body === null) return
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const blocks = text.split(/\r?\n\r?\n/)
    text = blocks.pop() ?? ''
    for (const block of blocks) takeEvent(block)
  }
}

function takeEvent(block: string): void {
  const data = block.split(/\r?\n/).flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []))
  if (data.some((line) => line !== '')) write(data.join('\n'))
}

function write(message: string): void {
  process.stdout.write(`${message.replaceAll('\n', ' ')}\n`)
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : 'failed'}\n`)
}
