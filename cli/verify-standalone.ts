// verify.mjs: the verifier of bundles as a program of one file, without dependencies: `node verify.mjs <bundle> --trust <policy>`.
// `npm run build:verify` links it. Its exit codes are those of `toolwarden verify`.
import { parseArgs } from 'node:util'
import { describeError, systemCode, ToolwardenError } from '../events/errors.ts'
import { EXIT_USAGE, exitCodeOf } from './exit-code.ts'
import { type BundleFlags, runVerifyBundle } from './verify-bundle.ts'

const USAGE = `usage: node verify.mjs <bundle> --trust <policy> [--writers <file>] [--checkpoint <file>]…
  [--not-older-than <age>] [--accept-unwitnessed] [--json]
`

function readArguments(): { readonly path: string; readonly flags: BundleFlags } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      trust: { type: 'string' },
      writers: { type: 'string' },
      checkpoint: { type: 'string', multiple: true },
      'not-older-than': { type: 'string' },
      'accept-unwitnessed': { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  const { 'not-older-than': notOlderThan, 'accept-unwitnessed': acceptUnwitnessed, help, ...rest } = values
  const [path, ...more] = positionals
  if (help === true || path === undefined || more.length > 0) throw new ToolwardenError('USAGE', USAGE)
  const age = notOlderThan === undefined ? {} : { notOlderThan }
  const unwitnessed = acceptUnwitnessed === undefined ? {} : { acceptUnwitnessed }
  return { path, flags: { ...rest, ...age, ...unwitnessed } }
}

async function main(): Promise<number> {
  try {
    const { path, flags } = readArguments()
    return await runVerifyBundle(path, flags)
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`)
    return systemCode(error)?.startsWith('ERR_PARSE_ARGS') === true ? EXIT_USAGE : exitCodeOf(error)
  }
}

process.exitCode = await main()
