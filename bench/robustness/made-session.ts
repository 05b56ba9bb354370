// Sessions that nobody recorded, in the form in which the evaluation plays recorded ones. Pure.
import type { Json } from '../../events/canonical.ts'
import { argumentsDigest } from '../../events/payload.ts'
import { argumentSignals, resultSignals } from '../../events/signals.ts'
import { toolClassOf } from '../../events/tool-class.ts'
import type { TracedCall, TracedSession } from '../eval/trace.ts'

const KEY = Buffer.alloc(32, 1)

/** One call to be made. */
export interface MadeCall {
  readonly atMs: number
  readonly server?: string
  readonly tool: string
  readonly arguments: Json
  readonly result?: Json
}

/** A session of such calls. */
export function makeSession(
  calls: readonly MadeCall[],
  { session = 'made', principal = 'agent:made' }: { readonly session?: string; readonly principal?: string } = {},
): TracedSession {
  return { session, principal, task: 'made', label: 'benign', kind: '', calls: calls.map(makeCall) }
}

function makeCall(call: MadeCall, index: number): TracedCall {
  const toolClass = toolClassOf(call.tool)
  const result = call.result ?? ''
  return {
    index,
    atMs: call.atMs,
    server: call.server ?? 'files',
    tool: call.tool,
    toolClass,
    isError: false,
    argumentsDigest: argumentsDigest(KEY, Buffer.from(JSON.stringify(call.arguments))),
    proposed: argumentSignals(KEY, toolClass, call.arguments),
    returned: resultSignals(KEY, toolClass, result),
    resultBytes: Buffer.byteLength(JSON.stringify(result)),
    attack: false,
    harm: false,
  }
}
