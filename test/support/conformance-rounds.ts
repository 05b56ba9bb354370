// The conformance server's calls in several rounds (MCP 2026-07-28, multi round-trip requests): a result says what is
// missing, the repeated request brings it along. What the server must remember goes to the client and back, signed.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { INVALID_PARAMS, type Json, RpcError, textBlock, textResult } from './conformance-content.ts'

/** What a request in rounds is answered from. */
export interface Round {
  /** What the client was asked for before, by key; only objects are answers. */
  readonly answers: ReadonlyMap<string, Json>
  /** The state that came back, where it is the server's own. */
  readonly state: string | undefined
  /** What the client said that it can do. */
  readonly capabilities: Json
}

const key = randomBytes(32)

/** Reads the members of a request that belong to its rounds. Throws an RpcError where the state is not the server's own. */
export function readRound(params: Json, capabilities: Json): Round {
  const { inputResponses, requestState } = params
  const answers = Object.entries((inputResponses ?? {}) as Json).filter(
    (entry): entry is [string, Json] => typeof entry[1] === 'object' && entry[1] !== null,
  )
  return {
    answers: new Map(answers),
    state: requestState === undefined ? undefined : openState(requestState),
    capabilities,
  }
}

const elicitation = (message: string, property: string, type = 'string'): Json => ({
  method: 'elicitation/create',
  params: {
    mode: 'form',
    message,
    requestedSchema: { type: 'object', properties: { [property]: { type } }, required: [property] },
  },
})
const sampling = (text: string, maxTokens: number): Json => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens },
})
const ROOTS: Json = { method: 'roots/list', params: {} }

const CONFIRM = elicitation('Please confirm', 'ok', 'boolean')
const CAPITAL = sampling('What is the capital of France?', 100)

/** The tools that take rounds. */
export const ROUND_TOOLS: Readonly<Record<string, (round: Round) => Json>> = {
  test_streaming_elicitation: (round) => askAll(round, { name: elicitation('What is your name?', 'name') }),
  test_input_required_result_elicitation: (round) =>
    askAll(round, { user_name: elicitation('What is your name?', 'name') }),
  test_input_required_result_sampling: (round) => askAll(round, { capital_question: CAPITAL }),
  test_input_required_result_list_roots: (round) => askAll(round, { client_roots: ROOTS }),
  test_input_required_result_request_state: (round) => askWithState(round, { confirm: CONFIRM }),
  test_input_required_result_tampered_state: (round) => askWithState(round, { confirm: CONFIRM }),
  test_input_required_result_multiple_inputs: (round) =>
    askWithState(round, {
      user_name: elicitation('What is your name?', 'name'),
      greeting: sampling('Generate a greeting', 50),
      client_roots: ROOTS,
    }),
  test_input_required_result_multi_round: ({ answers, state }) => {
    if (state === 'step2' && answers.has('step2')) return textResult('Both steps are done.')
    if (state === 'step1' && answers.has('step1'))
      return askFor({ step2: elicitation('Step 2: What is your favorite color?', 'color') }, 'step2')
    return askFor({ step1: elicitation('Step 1: What is your name?', 'name') }, 'step1')
  },
  test_input_required_result_capabilities: (round) => {
    const questions = Object.entries({ elicitation: CONFIRM, sampling: CAPITAL, roots: ROOTS })
    return askAll(round, Object.fromEntries(questions.filter(([name]) => name in round.capabilities)))
  },
}

/** The prompt that takes rounds. */
export const ROUND_PROMPT = 'test_input_required_result_prompt'

/** Gets the prompt that takes rounds. */
export function getRoundPrompt({ answers }: Round): Json {
  const answer = answers.get('user_context')
  if (answer === undefined)
    return askFor({ user_context: elicitation('What context should the prompt use?', 'context') })
  const text = `With the context: ${JSON.stringify(answer.content)}`
  return { messages: [{ role: 'user', content: textBlock(text) }] }
}

function askAll({ answers }: Round, questions: Json): Json {
  const missing = Object.keys(questions).filter((name) => !answers.has(name))
  return missing.length === 0 ? textResult(`Answered: ${[...answers.keys()].join(', ')}.`) : askFor(questions)
}

function askWithState(round: Round, questions: Json): Json {
  const isAnswered = Object.keys(questions).every((name) => round.answers.has(name))
  return round.state === 'asked' && isAnswered ? textResult('state-ok') : askFor(questions, 'asked')
}

function askFor(inputRequests: Json, state?: string): Json {
  const requestState = state === undefined ? {} : { requestState: sealState(state) }
  return { resultType: 'input_required', inputRequests, ...requestState }
}

function sealState(state: string): string {
  return `${state}.${signatureOf(state)}`
}

function openState(sealed: unknown): string {
  const [state = '', signature = ''] = String(sealed).split('.')
  const [given, expected] = [Buffer.from(signature), Buffer.from(signatureOf(state))]
  if (given.length === expected.length && timingSafeEqual(given, expected)) return state
  throw new RpcError(INVALID_PARAMS, 'The state is not what this server gave')
}

function signatureOf(state: string): string {
  return createHmac('sha256', key).update(state).digest('hex')
}
