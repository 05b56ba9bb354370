// `toolwarden init`: makes an installation and says what it made; a second time it says what is there.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../events/errors.ts'
import { keyFingerprint } from '../events/keys.ts'
import { policyJsonSchema } from '../gateway/policy/json-schema.ts'
import { loadConfig } from './config.ts'
import { ensureInstallation } from './installation.ts'

const SCHEMA_FILE = 'policy.schema.json'

const STARTER_POLICY = `# yaml-language-server: $schema=./${SCHEMA_FILE}
# What agents may do. Everything that no rule allows is denied; docs/policy.md has the whole language.
version: "1"
default: deny
# pinning: enforce   # hold tools whose definition changed until \`toolwarden pin approve\`; warn unless told
rules: []
#  - id: read-project
#    tool: read_*
#    action: allow
#    constraints: { allowedPaths: ["/srv/project/"] }
`

/** Makes the installation and a starting policy that denies everything. */
export async function runInit(flags: { readonly config?: string; readonly json?: boolean }): Promise<void> {
  const config = await loadConfig(process.env, flags.config)
  const { isNew, log, directory, trust, keys } = await ensureInstallation(config.data, config.log)
  const policy = join(config.data, 'policy.yaml')
  await writeOnce(policy, STARTER_POLICY)
  // Beside the policy, since where this program lies changes with each version; its own to write anew.
  await writeFile(join(config.data, SCHEMA_FILE), policyJsonSchema(), { mode: 0o600 })
  if (flags.json === true) return print(JSON.stringify({ isNew, log, data: config.data, policy, trust }))
  const roles = Object.entries(keys).map(([role, key]) => `  ${role.padEnd(10)} ${keyFingerprint(key.publicKey)}`)
  print(
    [
      `${isNew ? 'Made' : 'There is'} an installation in ${directory}`,
      `ledger ${log}`,
      `policy ${policy}`,
      'keys',
      ...roles,
      'next: toolwarden up',
    ].join('\n'),
  )
}

async function writeOnce(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    // What the operator wrote stays.
    if (systemCode(error) !== 'EEXIST') throw error
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
