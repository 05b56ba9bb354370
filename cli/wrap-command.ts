// `toolwarden wrap` and `toolwarden unwrap`: a gateway before the servers that the clients on this machine already use.
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { type ClientOutcome, forEachClientFile } from './client-files.ts'
import { splitCommand } from './command-line.ts'
import { type Config, loadConfig } from './config.ts'
import { startsGateway } from './wrap/server-entries.ts'
import { unwrapFile, type WrapOutcome, wrapFile } from './wrap/wrap-file.ts'
import type { WrapSettings } from './wrap/wrap-settings.ts'

/** Options as commander gives them. */
export interface WrapFlags {
  readonly config?: string
  readonly policy?: string
  readonly program?: string
  readonly except?: readonly string[]
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** Wraps the named files, or those at the known places. Throws USAGE, CONFIG_INVALID. */
export async function runWrap(paths: readonly string[], flags: WrapFlags): Promise<void> {
  const config = await loadConfig(process.env, flags.config)
  const settings = settingsOf(flags)
  const isDryRun = flags.dryRun === true
  const outcomes = await forEachClientFile(paths, (path) => wrapFile(path, settings, { isDryRun }))
  if (flags.json === true) return print(JSON.stringify({ dryRun: isDryRun, files: outcomes }))
  for (const outcome of outcomes) print(describeWrap(outcome, isDryRun))
  if (outcomes.length === 0) print('no configuration of a client was wrapped; name one: toolwarden wrap <file>')
  else await printPolicy(config, flags)
}

/** Restores the named files, or those at the known places. Throws CONFIG_INVALID. */
export async function runUnwrap(paths: readonly string[], flags: { readonly json?: boolean }): Promise<void> {
  const outcomes = await forEachClientFile(paths, unwrapFile)
  if (flags.json === true) return print(JSON.stringify({ files: outcomes }))
  for (const { client, path, isChanged, servers } of outcomes) {
    const names = servers.map((each) => each.join('.')).join(', ')
    print(`${client}  ${path}\n  ${isChanged ? `restored  ${names}` : 'nothing to restore'}`)
  }
  if (outcomes.length === 0) print('no configuration of a client was restored')
}

function settingsOf({ config, policy, program, except = [] }: WrapFlags): WrapSettings {
  const { TOOLWARDEN_CONFIG, TOOLWARDEN_DATA } = process.env
  const named = config ?? (TOOLWARDEN_CONFIG || undefined)
  // A client starts gateways in its own directory, with its own environment.
  return {
    program: programOf(program),
    options: [
      ...(named === undefined ? [] : ['--config', resolve(named)]),
      ...(policy === undefined ? [] : ['--policy', resolve(policy)]),
    ],
    environment:
      TOOLWARDEN_DATA === undefined || TOOLWARDEN_DATA === '' ? {} : { TOOLWARDEN_DATA: resolve(TOOLWARDEN_DATA) },
    except,
  }
}

/** By absolute paths unless told: clients with a window don't have the shell's search path. */
function programOf(text: string | undefined): WrapSettings['program'] {
  const own = [process.execPath, fileURLToPath(new URL('./main.js', import.meta.url))] as const
  const [command, ...args] = text === undefined ? own : splitCommand(text)
  if (command !== undefined && startsGateway([command, ...args, 'gateway'])) return [command, ...args]
  throw new ToolwardenError('USAGE', 'not a command that starts toolwarden', {
    where: '--program',
    fix: 'toolwarden wrap --program "npx toolwarden"',
  })
}

function describeWrap(
  { client, path, isChanged, servers, backup, diff }: ClientOutcome<WrapOutcome>,
  isDryRun: boolean,
): string {
  const lines = servers.map((server) => {
    const reason = server.reason === undefined ? '' : `: ${server.reason}`
    return `  ${server.state.padEnd(8)} ${server.path.join('.')}${reason}`
  })
  const end = isDryRun
    ? ['  nothing was written (--dry-run)', ...(diff === '' ? [] : [diff])]
    : [`  backup   ${backup}`]
  const change = isChanged ? end : [servers.length === 0 ? '  no servers' : '  nothing to change']
  return [`${client}  ${path}`, ...lines, ...change].join('\n')
}

async function printPolicy(config: Config, { policy }: WrapFlags): Promise<void> {
  const path = policy === undefined ? join(config.data, 'policy.yaml') : resolve(policy)
  const isThere = await stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
      throw error
    },
  )
  const next = isThere ? '' : ', and it is not there yet: toolwarden init'
  print(`What ${path} does not allow is denied${next}. Start the clients anew.`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
