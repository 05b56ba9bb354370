// `toolwarden policy test`: calls and expected decisions from YAML files, through the evaluator of the gateways.
// Exit code 0 all pass, 1 a case fails, 4 a file does not load.

import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'
import { type CaseResult, runTestCases } from '../gateway/policy/run-test-cases.ts'
import { MAX_TEST_FILE_BYTES, parsePolicyTests } from '../gateway/policy/test-cases.ts'
import { EXIT_FOUND } from './exit-code.ts'
import { loadPolicyFile } from './policy-file.ts'

/** What one file of tests came to. */
export interface TestFileResult {
  readonly file: string
  readonly policy: string
  readonly hash: string
  readonly cases: readonly CaseResult[]
}

/** Runs the files and returns the exit code. Throws POLICY_INVALID with every error of a file. */
export function runPolicyTest(files: readonly string[], flags: { readonly json?: boolean }): number {
  const results = files.map((file) => runTestFile(file, Date.now()))
  const cases = results.flatMap((result) => result.cases)
  const failed = cases.filter(({ passed }) => !passed).length
  if (flags.json === true) print(JSON.stringify({ passed: cases.length - failed, failed, files: results.map(toJson) }))
  else
    print(
      [...results.flatMap(describeFile).map(visible), `${cases.length - failed} of ${cases.length} cases pass`].join(
        '\n',
      ),
    )
  return failed === 0 ? 0 : EXIT_FOUND
}

/** Runs one file; `nowMs` is the moment of cases that name none. Throws POLICY_INVALID. */
export function runTestFile(file: string, nowMs: number): TestFileResult {
  const parsed = parsePolicyTests(readTestFile(file), file)
  if ('errors' in parsed)
    throw createPolicyError(parsed.errors, {
      name: 'test file',
      fix: 'mend the file: docs/policy-commands.md has its form',
    })
  const policy = resolve(dirname(file), parsed.ok.policy)
  const loaded = loadPolicyFile(policy, nowMs)
  return { file, policy, hash: loaded.hash, cases: runTestCases(loaded, parsed.ok, nowMs) }
}

function readTestFile(file: string): string {
  try {
    if (statSync(file).size <= MAX_TEST_FILE_BYTES) return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ToolwardenError('POLICY_INVALID', `the tests cannot be read (${systemCode(cause) ?? 'unknown reason'})`, {
      where: file,
      fix: 'toolwarden policy test <tests.yaml>',
      cause,
    })
  }
  throw new ToolwardenError('POLICY_INVALID', `the file is larger than ${MAX_TEST_FILE_BYTES} bytes`, { where: file })
}

function describeFile({ file, policy, cases }: TestFileResult): readonly string[] {
  return [`${file} (${policy})`, ...cases.flatMap(describeCase)]
}

function describeCase({ name, passed, expected, actual, explanation }: CaseResult): readonly string[] {
  if (passed) return [`  ok    ${name}`]
  const { text } = explanation.decision
  return [`  FAIL  ${name}`, `        expected ${describe(expected)}`, `        decided  ${describe(actual)}: ${text}`]
}

function describe({
  decision,
  rule,
  reason,
}: {
  decision: string
  rule?: string | undefined
  reason?: string | undefined
}): string {
  return [decision, rule === undefined ? '' : ` by ${rule}`, reason === undefined ? '' : ` (${reason})`].join('')
}

function toJson({ file, policy, hash, cases }: TestFileResult): object {
  return {
    file,
    policy,
    hash,
    cases: cases.map(({ name, passed, expected, actual, explanation: { decision } }) => ({
      ...{ name, passed, expected, actual },
      text: decision.text,
    })),
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
