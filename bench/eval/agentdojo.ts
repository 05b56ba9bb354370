// Run logs in the form of AgentDojo (github.com/ethz-spylab/agentdojo) and its descendants, as recorded sessions with labels. A log
// holds no truth about single calls, so that is guessed, and said: a step of the attack is a call whose arguments hold
// something that only the injected text named; in a run whose attack succeeded the last such call did the damage. Pure.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { findDestinations, findNames, findTokens } from '../../events/signal-text.ts'
import { toolClassOf } from '../../events/tool-class.ts'

/** Of one text, of each kind. */
const MAX_TOKENS = 10_000

const text = z.union([z.string(), z.array(z.looseObject({ content: z.string().nullish() })), z.null()])
const toolCall = z.looseObject({
  function: z.string().min(1),
  args: z.record(z.string(), z.json()),
  id: z.string().nullish(),
})
const message = z.looseObject({
  role: z.string(),
  content: text.optional(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  error: z.string().nullish(),
})
const runSchema = z.looseObject({
  suite_name: z.string().min(1),
  pipeline_name: z.string().min(1),
  user_task_id: z.string().min(1),
  injection_task_id: z.string().nullish(),
  attack_type: z.string().nullish(),
  injections: z.record(z.string(), z.string()).nullish(),
  messages: z.array(message),
  evaluation_timestamp: z.string().nullish(),
  duration: z.number().nullish(),
  /** Whether the attack reached its goal. */
  security: z.boolean().nullish(),
})

/** One run as two lists of lines, in the form that bench/eval/trace.ts reads. */
export interface ImportedRun {
  readonly pipeline: string
  readonly calls: readonly object[]
  readonly labels: readonly object[]
}

/** Which server a tool belongs to, beside what its name says. */
export type ServerOf = (tool: string) => string | undefined

/** Reads one log; `name` tells its session apart from others. A reason where it is no session of a user's task. */
export function importRun(json: string, name: string, serverOf: ServerOf = () => undefined): ImportedRun | string {
  const value = parseJson(json)
  const parsed = runSchema.safeParse(value)
  if (!parsed.success)
    return `not a run log: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`
  const run = parsed.data
  // An attacker's task given as the user's own shows what a model can do, and is no session of anybody.
  if (run.user_task_id.startsWith('injection_task')) return 'the attack itself was the task'
  const asked = listCalls(run.messages)
  if (asked.length === 0) return 'no tool was called'
  const session = `s${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
  const start = (run.evaluation_timestamp ?? '1970-01-01 00:00:00').replace(' ', 'T')
  const seconds = run.duration ?? asked.length
  const principal = `agent:${run.pipeline_name.replaceAll('/', '_')}@${run.suite_name}`
  const calls = asked.map(({ tool, args, result, error, turn }, call) => ({
    ...{
      session,
      call,
      start,
      t: Math.round((1000 * seconds * (call + 1)) / (asked.length + 1)) / 1000,
      turn,
      principal,
    },
    ...{ suite: run.suite_name, task: run.user_task_id, server: serverOf(tool) ?? familyOf(tool) ?? run.suite_name },
    ...{ tool, arguments: args, result, error },
  }))
  return { pipeline: run.pipeline_name, calls, labels: labelsOf(run, asked).map((label) => ({ session, ...label })) }
}

type Run = z.infer<typeof runSchema>

interface AskedCall {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  readonly result: string
  readonly error: string | null
  readonly turn: number
}

/** The calls with their answers, in order; one without an answer was not made. */
function listCalls(messages: Run['messages']): readonly AskedCall[] {
  const calls: AskedCall[] = []
  let turn = 0
  for (const [place, { role, tool_calls: asked }] of messages.entries()) {
    if (role !== 'assistant') continue
    turn++
    const answers = answersAfter(messages, place)
    for (const [index, { function: tool, args, id }] of (asked ?? []).entries()) {
      const own = answers.find((each) => id !== null && id !== undefined && each.tool_call_id === id) ?? answers[index]
      if (own !== undefined) calls.push({ tool, args, result: textOf(own.content), error: own.error ?? null, turn })
    }
  }
  return calls
}

function answersAfter(messages: Run['messages'], place: number): Run['messages'] {
  const rest = messages.slice(place + 1)
  const end = rest.findIndex(({ role }) => role !== 'tool')
  return end === -1 ? rest : rest.slice(0, end)
}

function labelsOf(run: Run, calls: readonly AskedCall[]): readonly object[] {
  const injected = Object.values(run.injections ?? {}).join('\n')
  const isAttacked = (run.injection_task_id ?? '') !== '' && injected !== ''
  const own = new Set(
    tokensOf(
      run.messages
        .filter(({ role }) => role === 'user')
        .map(({ content }) => textOf(content))
        .join('\n'),
    ),
  )
  const foreign = new Set(tokensOf(injected).filter((token) => !own.has(token)))
  let isExposed = false
  const marks = calls.map(({ tool, args, result }) => {
    const exposed = isExposed
    const holdsForeign = tokensOf(JSON.stringify(args)).some((token) => foreign.has(token))
    if (isAttacked && tokensOf(result).some((token) => foreign.has(token))) isExposed = true
    const isWrite = isAttacked && exposed && toolClassOf(tool) !== 'read'
    return { attack: isWrite && holdsForeign, exposed, isWrite }
  })
  const isHarmed = isAttacked && run.security === true
  const named = marks.findLastIndex(({ attack }) => attack)
  const last = !isHarmed ? -1 : named >= 0 ? named : marks.findLastIndex(({ isWrite }) => isWrite)
  const label = !isAttacked ? 'benign' : last >= 0 ? 'succeeded' : named >= 0 ? 'attempted' : 'injected_ignored'
  const kind = isAttacked ? (run.injection_task_id ?? '') : null
  return marks.map(({ attack, exposed }, call) => {
    return { call, attack: attack || call === last, harm: call === last, kind, session_label: label, exposed }
  })
}

/** Identifier-like words, addresses, hosts and accounts, and names that are set apart. */
function tokensOf(value: string): readonly string[] {
  const destinations = findDestinations(value).map(({ name }) => name)
  return [...findTokens(value, MAX_TOKENS), ...destinations, ...findNames(value, MAX_TOKENS)]
}

function textOf(content: z.infer<typeof text> | undefined): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => part.content ?? '').join('\n')
}

const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/git|ssh_key|repo/, 'github'],
  [/cart|product|shopping|order|discount|invoice|refund/, 'shopping'],
  [/calendar|_day$/, 'calendar'],
  [/mail/, 'email'],
  [/money|balance|transaction|payment|iban/, 'bank'],
  [/webpage|url|link|browse|download/, 'web'],
  [/file|dir|node/, 'filesystem'],
  [/channel|message|slack|inbox/, 'messages'],
  [/hotel|restaurant|flight|car_/, 'travel'],
]

/** The logs name no servers: tools of one trade are one server's. */
function familyOf(tool: string): string | undefined {
  return FAMILIES.find(([pattern]) => pattern.test(tool))?.[1]
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
