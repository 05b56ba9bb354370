// Recorded sessions with labelled attacks: `<name>.calls.jsonl[.gz]` is what a monitor may see, `<name>.labels.jsonl[.gz]`
// the truth, to score with. Calls become signals here, by the gateway's own extractor; detectors see nothing else.
import { z } from 'zod'
import { canonicalBytes, type Json } from '../../events/canonical.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { argumentsDigest } from '../../events/payload.ts'
import { argumentSignals, parseSignals, resultSignals, type Signals, signalsBytes } from '../../events/signals.ts'
import { type ToolClass, toolClassOf } from '../../events/tool-class.ts'

/** Any key does: detection compares, it never looks inside. */
export const DEPLOYMENT_KEY = Buffer.alloc(32, 1)

const callLine = z.object({
  session: z.string().min(1),
  call: z.number().int().nonnegative(),
  start: z.string(),
  t: z.number().nonnegative(),
  principal: z.string().min(1),
  suite: z.string(),
  task: z.string(),
  server: z.string().min(1),
  tool: z.string().min(1),
  arguments: z.json(),
  result: z.json(),
  error: z.json(),
})
const labelLine = z.object({
  session: z.string(),
  call: z.number().int(),
  attack: z.boolean(),
  harm: z.boolean(),
  kind: z.string().nullish(),
  session_label: z.enum(['benign', 'injected_ignored', 'attempted', 'succeeded']),
})

/** What became of a session. */
export type SessionLabel = z.infer<typeof labelLine>['session_label']

/** One recorded call, as detectors will meet it, and the truth about it. */
export interface TracedCall {
  readonly index: number
  /** Milliseconds into the session. */
  readonly atMs: number
  readonly server: string
  readonly tool: string
  readonly toolClass: ToolClass
  readonly isError: boolean
  readonly argumentsDigest: string
  readonly proposed: Signals
  readonly returned: Signals
  readonly resultBytes: number
  /** The call is a step of the attack; it did the damage. */
  readonly attack: boolean
  readonly harm: boolean
}

/** One recorded session, its calls in order. */
export interface TracedSession {
  readonly session: string
  readonly principal: string
  /** Suite and task: what results are clustered by. */
  readonly task: string
  readonly label: SessionLabel
  readonly kind: string
  readonly calls: readonly TracedCall[]
}

/** A file of lines, and where it stands. */
export interface TraceFile {
  readonly path: string
  readonly text: string
}

/** Reads the lines of one pair of files. Throws USAGE with the file, line and field of what is not of this form. */
export function parseTraces(calls: TraceFile, labels: TraceFile): readonly TracedSession[] {
  const truth = new Map(
    parseLines(labels, labelLine).map((label) => [JSON.stringify([label.session, label.call]), label]),
  )
  const sessions = new Map<string, TracedSession & { readonly calls: TracedCall[] }>()
  for (const line of parseLines(calls, callLine)) {
    const label = truth.get(JSON.stringify([line.session, line.call]))
    if (label === undefined) throw invalid(labels.path, `call ${line.call} of session ${line.session} has no label`)
    const known = sessions.get(line.session) ?? {
      session: line.session,
      principal: line.principal,
      task: `${line.suite}/${line.task}`,
      label: label.session_label,
      kind: label.kind ?? '',
      calls: [],
    }
    known.calls.push(toCall(line, label))
    sessions.set(line.session, known)
  }
  for (const { calls: each } of sessions.values()) each.sort((left, right) => left.index - right.index)
  return [...sessions.values()]
}

function parseLines<Line>({ path, text }: TraceFile, schema: z.ZodType<Line>): readonly Line[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const where = `${path}:${index + 1}`
    const read = schema.safeParse(parseJson(line, where))
    if (read.success) return [read.data]
    const [issue] = read.error.issues
    throw invalid(`${where}:${issue?.path.join('.') ?? ''}`, issue?.message ?? 'not of this form')
  })
}

/** Half a character, which recordings of cut texts have, is one that cannot be read, as for whoever gets it in UTF-8. */
const SURROGATE = /\\ud[89a-f]/i

function wellFormed(_: string, each: unknown): unknown {
  return typeof each === 'string' ? each.toWellFormed() : each
}

function parseJson(line: string, where: string): unknown {
  try {
    return JSON.parse(line, SURROGATE.test(line) ? wellFormed : undefined)
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(where, 'this line is not JSON')
    throw error
  }
}

function invalid(where: string, problem: string): ToolwardenError {
  return new ToolwardenError('USAGE', problem, {
    where,
    fix: 'bench/eval/trace.ts says what a line of calls and labels is.',
  })
}

function toCall(line: z.infer<typeof callLine>, label: z.infer<typeof labelLine>): TracedCall {
  const toolClass = toolClassOf(line.tool)
  const result = (line.result ?? '') as Json
  const value = line.arguments as Json
  return {
    index: line.call,
    atMs: Math.round(line.t * 1000),
    server: line.server,
    tool: line.tool,
    toolClass,
    isError: line.error !== null,
    argumentsDigest: argumentsDigest(DEPLOYMENT_KEY, canonicalBytes(withoutFloats(value), 16 * 1024 * 1024)),
    // Through their bytes, as they travel: what does not fit a header fails here.
    proposed: parseSignals(signalsBytes(argumentSignals(DEPLOYMENT_KEY, toolClass, value))),
    returned: parseSignals(signalsBytes(resultSignals(DEPLOYMENT_KEY, toolClass, result))),
    resultBytes: Buffer.byteLength(typeof result === 'string' ? result : JSON.stringify(result)),
    attack: label.attack,
    harm: label.harm,
  }
}

/** Canonical JSON has no floats; for a digest their text does as well. */
function withoutFloats(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (_, each: unknown) => {
    return typeof each === 'number' && !Number.isSafeInteger(each) ? String(each) : each
  }) as Json
}
