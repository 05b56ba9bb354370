#!/usr/bin/env node
// The composition root: subcommands and their options. Each command's code is loaded only when it runs, so that a gateway,
// which an MCP client waits for, starts with what it needs and nothing else.
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { visibleLines } from '../events/visible.ts'
import { addAlertCommands } from './alert-commands.ts'
import { addClassesCommands } from './classes-commands.ts'
import { addDetectorsCommands } from './detectors-commands.ts'
import { addErasureCommands } from './erasure-commands.ts'
import { addEvidenceCommands } from './evidence-commands.ts'
import { EXIT_USAGE, exitCodeOf } from './exit-code.ts'
import type { GatewayFlags } from './gateway-command.ts'
import { isListening } from './listening.ts'
import { addPinCommands } from './pin-commands.ts'
import { addPolicyCommands } from './policy-commands.ts'
import { addTo } from './repeated-option.ts'
import { addRuleCommands } from './rule-commands.ts'
import { keepHeapSmall } from './small-heap.ts'
import { softwareName } from './version.ts'

const program = new Command('toolwarden')
  .description('Flight recorder and guard for the tool calls that AI agents make over MCP')
  .version(softwareName())
  .enablePositionalOptions()
  .showHelpAfterError('(toolwarden --help shows the commands)')
  .exitOverride()

const gateway = program
  .command('gateway')
  .description('stand between an MCP client (stdin, stdout, or HTTP with --listen) and its servers')
  .option('--policy <file>', 'policy file; without one that loads every call is denied')
  .option('--upstream <server>', 'the server: an https:// URL, or its command as one string instead of -- <command>')
  .option('--header <field=variable>', 'with an https:// URL: a field from the environment; again for more', addTo)
  .option('--listen <host:port>', 'serve HTTP at /mcp/<name>: the servers of toolwarden.yaml, or the one named here')
  .option('--anonymous', 'with --listen: calls need no token')
  .option('--name <name>', 'name of the server in events and policy')
  .option('--principal <principal>', 'who calls: agent:<name>')
  .option('--session <id>', 'what belongs to one agent conversation')
  .option('--root <directory>', 'where the server takes relative paths from')
  .option('--config <file>', 'toolwarden.yaml')
  .argument('[command...]', 'the server command, after --')
  .action(async (command: readonly string[], flags: GatewayFlags) => {
    keepHeapSmall()
    if (await isListening(flags, command))
      return (await import('./http-gateway-command.ts')).runHttpGateway(flags, command)
    const { runGateway } = await import('./gateway-command.ts')
    const { endLike } = await import('./shutdown.ts')
    endLike(await runGateway(flags, command))
  })

const token = gateway.command('token').description('tokens of those who call over HTTP')
token
  .command('add')
  .description('make a token and show it, once')
  .requiredOption('--principal <principal>', 'who calls with it: agent:<name>')
  .option('--server <name...>', 'the servers that it is for; all unless told')
  .option('--days <number>', 'how long it is valid; until it is revoked unless told')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (flags: object) => (await import('./caller-tokens.ts')).addCallerToken(flags))
token
  .command('list')
  .description('show whose tokens there are')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (flags: object) => (await import('./caller-tokens.ts')).listCallerTokens(flags))
token
  .command('revoke')
  .description('refuse a token from now on')
  .argument('<id>', 'as `token list` shows it')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (id: string, flags: object) => (await import('./caller-tokens.ts')).revokeCallerToken(id, flags))

program
  .command('init')
  .description("make the installation: keys, trust, the command line's token, a policy that denies everything")
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (flags: object) => (await import('./init-command.ts')).runInit(flags))

program
  .command('up')
  .description('ledger, detectors and API in one process')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--port <port>', "the API's port", parsePort)
  .action(async (flags: object) => (await import('./service-commands.ts')).runUp(flags))

for (const [role, what] of [
  ['ledger', 'verify and store the events of the log (needs CLICKHOUSE_URL)'],
  ['detectors', 'raise alerts and send adaptive rules'],
  ['api', 'answer for history, alerts, rules and integrity (needs CLICKHOUSE_URL)'],
] as const) {
  const command = program.command(role).description(what).option('--config <file>', 'toolwarden.yaml')
  if (role === 'api')
    command
      .option('--host <host>', 'the address to listen on')
      .option('--port <port>', 'the port to listen on', parsePort)
  else
    command
      .option('--health-host <host>', 'the address of /readyz')
      .option('--health-port <port>', 'a port for /healthz, /readyz and /metrics', parsePort)
  command.action(async (flags: object) => (await import('./service-commands.ts')).runRole(role, flags))
  if (role === 'detectors') addDetectorsCommands(command)
}

addEvidenceCommands(program)
addErasureCommands(program)

for (const [what, description] of [
  ['stop', 'the kill switch: gateways deny every call until `resume`'],
  ['resume', 'end what `stop` began'],
] as const)
  program
    .command(what)
    .description(description)
    .option('--all', 'everything')
    .option('--server <name>', 'one server')
    .option('--principal <name>', 'one principal')
    .option('--reason <text>', 'why; it is recorded')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./switch-command.ts')).runSwitch(what, flags))

addPinCommands(program)
addClassesCommands(program)

addAlertCommands(program)
addRuleCommands(program)

const approvals = program
  .command('approvals')
  .description('calls that wait for a person; without a subcommand what waits now')
approvals
  .command('list', { isDefault: true })
  .description('show what waits now')
  .option('--all', 'also what was answered')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (flags: object) => (await import('./approvals-command.ts')).listApprovals(flags))
approvals
  .command('show')
  .description('one with what was recorded of its arguments; the look is recorded')
  .argument('<id>')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (id: string, flags: object) => (await import('./approvals-command.ts')).showApproval(id, flags))
for (const [verdict, description] of [
  ['approve', 'let exactly this call through, once'],
  ['deny', 'refuse it, and its repeats until it expires'],
] as const)
  approvals
    .command(verdict)
    .description(description)
    .argument('<id>')
    .option('--reason <text>', 'why; it is recorded')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: object) =>
      (await import('./approvals-command.ts')).answerApproval(verdict, id, flags),
    )

program
  .command('wrap')
  .description('put a gateway before the servers in the configuration of MCP clients')
  .argument('[files...]', 'configuration files; those of the known clients unless told')
  .option('--policy <file>', 'policy file of the gateways')
  .option('--program <command>', 'how clients start toolwarden; by absolute paths unless told')
  .option('--except <name...>', 'servers that are left as they are')
  .option('--dry-run', 'show the change and write nothing')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (files: readonly string[], flags: object) => (await import('./wrap-command.ts')).runWrap(files, flags))

program
  .command('unwrap')
  .description('restore what `wrap` changed, byte for byte')
  .argument('[files...]', 'configuration files; those of the known clients unless told')
  .option('--json', 'as JSON')
  .action(async (files: readonly string[], flags: object) =>
    (await import('./wrap-command.ts')).runUnwrap(files, flags),
  )

program
  .command('status')
  .description('show which servers of which clients have a gateway, and whether `up` runs')
  .argument('[files...]', 'configuration files; those of the known clients unless told')
  .option('--config <file>', 'toolwarden.yaml')
  .option('--json', 'as JSON')
  .action(async (files: readonly string[], flags: object) =>
    (await import('./status-command.ts')).runStatus(files, flags),
  )

addPolicyCommands(program)

program
  .command('demo')
  .description('the whole pipeline on a temporary directory, with a real client and a real server')
  .option('--exit', 'end with a status instead of staying up')
  .action(async (flags: object) => {
    process.exitCode = await (await import('./demo-command.ts')).runDemo(flags)
  })

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('expected a port, 0 to 65535')
}

/** The guide's form `toolwarden --gateway --upstream "…"` is the gateway command. */
function normaliseArguments(args: readonly string[]): string[] {
  return args[0] === '--gateway' ? ['gateway', ...args.slice(1)] : [...args]
}

try {
  await program.parseAsync(normaliseArguments(process.argv.slice(2)), { from: 'user' })
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
  else {
    process.stderr.write(
      `toolwarden: ${visibleLines(error instanceof ToolwardenError ? describeError(error) : `INTERNAL: ${String(error)}`)}\n`,
    )
    process.exitCode = exitCodeOf(error)
  }
}
