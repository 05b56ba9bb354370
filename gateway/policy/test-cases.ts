// The file of `toolwarden policy test`: calls, and what the policy has to decide on each. No file system is asked: paths
// lead where they are written, but for the symbolic links that the file itself describes under `links`, so that a test says
// the same on every machine.

import { z } from 'zod'
import { DECISION_REASONS } from '../../events/reason.ts'
import { describedCall } from './described-call.ts'
import { checked, duration } from './fields.ts'
import { byPlace, describeIssues, type PolicyProblem, problemAt } from './problems.ts'
import { parseMoment } from './schema.ts'
import { readYaml, wholeFile } from './yaml-source.ts'

/** Largest file of tests, in bytes. */
export const MAX_TEST_FILE_BYTES = 4_194_304
/** Most cases of one file. */
const MAX_CASES = 10_000
/** Most times that one case makes its call. */
const MAX_TIMES = 10_000
/** Most symbolic links that a file describes. */
const MAX_LINKS = 100

const absolute = checked('an absolute path', (path) => {
  if (!path.startsWith('/')) return 'is not absolute'
  return /\/(?:\.{0,2}\/|\.{1,2}$)|.\/$/.test(path)
    ? 'is not normal: no empty, "." or ".." parts, no "/" at its end'
    : undefined
})
const moment = checked('a moment as "2026-12-24" or "2026-12-24T18:00:00Z", in quotes', (text) =>
  parseMoment(text) === undefined ? 'is none' : undefined,
)

const expectSchema = z.strictObject({
  decision: z.enum(['allow', 'deny', 'escalate'], { error: 'expected allow, deny or escalate' }),
  rule: z.string({ error: "expected a rule's id, its place as rules[0], or default" }).optional(),
  reason: z.enum(DECISION_REASONS, { error: `expected one of ${DECISION_REASONS.join(', ')}` }).optional(),
})

const caseSchema = z.strictObject({
  name: z.string({ error: 'expected a name' }).min(1, 'expected a name'),
  call: describedCall,
  at: moment.optional(),
  times: z.number({ error: 'expected a number' }).int().min(1).max(MAX_TIMES).optional(),
  within: duration.optional(),
  repeatsUnknown: z.boolean({ error: 'expected true or false' }).optional(),
  expect: expectSchema,
})

const fileSchema = z.strictObject({
  policy: z.string({ error: 'expected the path of a policy, relative to this file' }).min(1),
  root: absolute.optional(),
  remote: z.boolean({ error: 'expected true or false' }).optional(),
  at: moment.optional(),
  links: z
    .record(absolute, absolute, { error: 'expected a map of links and where they lead, absolute paths without ".."' })
    .refine((links) => Object.keys(links).length <= MAX_LINKS, `expected at most ${MAX_LINKS} links`)
    .optional(),
  cases: z
    .array(caseSchema, { error: 'expected a list of cases' })
    .min(1, 'expected at least one case')
    .max(MAX_CASES, `expected at most ${MAX_CASES} cases`),
})

/** A file of tests as read. */
export type PolicyTestFile = z.output<typeof fileSchema>
/** One call and what has to be decided. */
export type PolicyTestCase = PolicyTestFile['cases'][number]

/** Reads a file of tests; every error at once, with its place. */
export function parsePolicyTests(
  text: string,
  file: string,
): { readonly ok: PolicyTestFile } | { readonly errors: readonly PolicyProblem[] } {
  if (Buffer.byteLength(text) > MAX_TEST_FILE_BYTES)
    return { errors: [wholeFile(file, `the file is larger than ${MAX_TEST_FILE_BYTES} bytes`)] }
  const read = readYaml(file, text)
  if ('errors' in read) return read
  const { source, value } = read
  if (value === null || value === undefined)
    return { errors: [problemAt(source, [], 'the file is empty; expected policy and cases')] }
  const parsed = fileSchema.safeParse(value)
  if (!parsed.success) return { errors: [...describeIssues(source, parsed.error.issues, keysAt)].sort(byPlace) }
  const names = parsed.data.cases.map(({ name }) => name)
  const twice = names.flatMap((name, place) =>
    names.indexOf(name) < place ? [problemAt(source, ['cases', place, 'name'], 'another case has this name')] : [],
  )
  return twice.length > 0 ? { errors: twice } : { ok: parsed.data }
}

function keysAt(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(fileSchema.shape)
  if (path.at(-1) === 'expect') return Object.keys(expectSchema.shape)
  return Object.keys(path.at(-1) === 'call' ? describedCall.shape : caseSchema.shape)
}

/** The JSON Schema of such files, for editors, as text. */
export function policyTestJsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The vocabulary of reasons grows elsewhere; the file is checked against it when it is read.
      if (jsonSchema.enum?.includes('policy_rule') === true) delete jsonSchema.enum
    },
  })
  return `${JSON.stringify({ ...schema, title: 'toolwarden policy tests' }, null, 2)}\n`
}
