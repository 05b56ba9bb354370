// A recorded call as policies are tried on it: who called what, with which arguments as far as they were recorded, what was
// decided and what became of it. Also its form as a line of JSON Lines, in which histories travel and are kept.
import { z } from 'zod'

/** What is left of a call's arguments. Only `full` is what was sent; `cut` to `altered` can't be read. */
export type RecordedArguments =
  | {
      readonly state: 'full'
      /** Undefined where the call carried none. */
      readonly value: unknown
      /** The exact text, where it is known: numbers that programs read differently are found in it alone. */
      readonly text?: string
    }
  | { readonly state: 'redacted' | 'cut' | 'commitment' | 'erased' | 'missing' | 'altered' }

/** What was decided on a call. */
export interface RecordedDecision {
  /** The first decision: the policy's own. One that an approver answered is followed by another. */
  readonly decision: 'allow' | 'deny' | 'escalate'
  readonly reason: string | undefined
  readonly rule: string | undefined
  /** What the policy would have decided, where its rules were only observed. */
  readonly observed: { readonly decision: 'deny' | 'escalate'; readonly reason: string } | undefined
  /** The last decision. */
  readonly final: 'allow' | 'deny' | 'escalate'
}

/** One recorded call. */
export interface RecordedCall {
  readonly call: string
  /** When it was proposed, milliseconds since 1970. */
  readonly timeMs: number
  readonly principal: string
  readonly session: string
  readonly client: string
  readonly server: string
  /** As events name it: `resource:<uri>` and the like for what is no tool. */
  readonly tool: string
  readonly method: string
  readonly arguments: RecordedArguments
  /** Equal for equal arguments; undefined where there is none. */
  readonly argumentsDigest: string | undefined
  readonly decided: RecordedDecision | undefined
  /** The receipt's status; `none` where nothing was to run, `pending` where no receipt came. */
  readonly status: string
}

const decisionWord = z.enum(['allow', 'deny', 'escalate'])
const name = z.string().min(1).max(8192)
const absent = z.null().transform(() => undefined)
const optionalText = z.string().optional().or(absent)

const callLine = z.object({
  call: z.union([z.string(), z.number()]).optional(),
  time: z.string().optional(),
  /** Recorded sessions of models: the session's start, and the seconds since. */
  start: z.string().optional(),
  t: z.number().optional(),
  principal: name,
  session: name,
  client: name.default('unknown'),
  server: name,
  tool: name,
  method: name.default('tools/call'),
  arguments: z.unknown().optional(),
  argumentsText: optionalText,
  argumentsState: z.enum(['full', 'redacted', 'cut', 'commitment', 'erased', 'missing', 'altered']).default('full'),
  argumentsDigest: optionalText,
  decision: decisionWord.optional().or(absent),
  reason: optionalText,
  rule: optionalText,
  observed: z
    .object({ decision: z.enum(['deny', 'escalate']), reason: z.string() })
    .optional()
    .or(absent),
  final: decisionWord.optional().or(absent),
  status: z.string().default('pending'),
})
type CallLine = z.infer<typeof callLine>

/** Reads one line; a text says what is wrong with it. */
export function parseCallLine(line: string): RecordedCall | string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return 'not JSON'
  }
  const parsed = callLine.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a recorded call'}`
  }
  return toCall(parsed.data)
}

function toCall(line: CallLine): RecordedCall | string {
  const timeMs = timeOf(line)
  if (timeMs === undefined) return 'time: expected a time like 2026-11-22T13:00:00Z'
  const found = argumentsOf(line)
  if (typeof found === 'string') return found
  const { principal, session, client, server, tool, method, argumentsDigest, status } = line
  const { decision, reason, rule, observed, final = decision } = line
  return {
    call: line.call === undefined ? '' : String(line.call),
    timeMs,
    ...{ principal, session, client, server, tool, method, status, argumentsDigest },
    arguments: found,
    decided: decision === undefined || final === undefined ? undefined : { decision, reason, rule, observed, final },
  }
}

function timeOf({ time, start, t = 0 }: CallLine): number | undefined {
  const zoned = time ?? (start === undefined || /(?:Z|[+-]\d\d:?\d\d)$/.test(start) ? start : `${start}Z`)
  const timeMs = zoned === undefined ? Number.NaN : Date.parse(zoned) + (time === undefined ? t * 1000 : 0)
  return Number.isNaN(timeMs) ? undefined : timeMs
}

function argumentsOf(line: CallLine): RecordedArguments | string {
  if (line.argumentsState !== 'full') return { state: line.argumentsState }
  if (line.argumentsText === undefined) return { state: 'full', value: line.arguments }
  return readArgumentsText(line.argumentsText) ?? 'argumentsText: not JSON'
}

/** Reads arguments as they were recorded; undefined where they are no JSON. */
export function readArgumentsText(text: string): RecordedArguments | undefined {
  if (text === '') return { state: 'full', value: undefined, text }
  try {
    return { state: 'full', value: JSON.parse(text) as unknown, text }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}

/** The line of a call, without a line end. */
export function formatCallLine({ arguments: recorded, decided, timeMs, ...call }: RecordedCall): string {
  const { state } = recorded
  const text = state === 'full' ? (recorded.text ?? JSON.stringify(recorded.value) ?? '') : undefined
  return JSON.stringify({
    ...{ time: new Date(timeMs).toISOString(), ...call },
    ...{ argumentsState: state, argumentsText: text, ...decided },
  })
}
