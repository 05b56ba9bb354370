// With `policy.protect`: the policy that was in force for a server, kept with all its texts, so that a restart of the gateway
// can't widen it. One file a server and policy file; what is kept is checked against its hash when it is read.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { sha256 } from '../events/chain.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { hashField } from '../events/field.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { splitPolicyTexts } from '../gateway/policy/policy-text.ts'
import { listWidenings } from '../gateway/policy/widenings.ts'
import type { PolicyGuard } from '../gateway/policy-guard.ts'

const keptSchema = z.strictObject({
  policy: hashField,
  /** Absolute path and text of each, the first file's first. */
  files: z.array(z.tuple([z.string(), z.string()])).min(1),
})

/** What a baseline is of. */
export interface PolicyBaselineOptions {
  readonly data: string
  readonly server: string
  /** The policy file, absolute. */
  readonly file: string
  readonly nowMs: number
}

/** The guard of one server's policy. Throws POLICY_INVALID where what was kept can't be read: then nothing may take its place. */
export function openPolicyBaseline({ data, server, file, nowMs }: PolicyBaselineOptions): PolicyGuard {
  const name = sha256(Buffer.from(JSON.stringify([server, file]))).slice(0, 32)
  const path = join(data, 'policies', 'in-force', `${name}.json`)
  return { before: readBaseline(path, nowMs), keep: (policy) => writeBaseline(path, policy), listWidenings }
}

function readBaseline(path: string, nowMs: number): Policy | undefined {
  const text = readKept(path)
  if (text === undefined) return undefined
  const kept = parseKept(text)
  const [top] = kept?.files ?? []
  if (kept === undefined || top === undefined) throw damaged(path)
  const texts = new Map(kept.files)
  const read = (file: string): { readonly text: string } | { readonly problem: string } => {
    const found = texts.get(file)
    return found === undefined ? { problem: 'ENOENT' } : { text: found }
  }
  const parsed = parsePolicy(top[1], { file: top[0], read, nowMs })
  if ('errors' in parsed || parsed.ok.hash !== kept.policy) throw damaged(path)
  return parsed.ok
}

function readKept(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function parseKept(text: string): z.infer<typeof keptSchema> | undefined {
  try {
    return keptSchema.safeParse(JSON.parse(text)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Written whole or not at all; gateways of one server may write at the same moment. */
function writeBaseline(path: string, { hash, text, files }: Policy): void {
  const texts = splitPolicyTexts(text, files.length)
  const kept = { policy: hash, files: files.map((file, index) => [file, texts[index]?.text ?? '']) }
  const draft = `${path}.${process.pid}`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(draft, JSON.stringify(kept), { mode: 0o600, flush: true })
    renameSync(draft, path)
  } catch (cause) {
    throw new ToolwardenError('STORE_UNAVAILABLE', `the policy in force can't be kept (${systemCode(cause)})`, {
      where: path,
      fix: 'make room on the disk, and let the gateway write to its data directory',
      cause,
    })
  }
}

function damaged(path: string): ToolwardenError {
  return new ToolwardenError('POLICY_INVALID', 'the policy that was in force is damaged where it is kept', {
    where: path,
    fix: 'find out who changed it; removed, the policy file as it is now counts as the first one',
  })
}
