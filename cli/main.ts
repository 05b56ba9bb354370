#!/usr/bin/env node
// The composition root: subcommands and their options. Each command's code is loaded only when it runs, so that a gateway,
// which an MCP client waits for, starts with what it needs and nothing else.
import { Command, CommanderError } from 'commander'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { EXIT_USAGE, exitCodeOf } from './exit-code.ts'

const program = new Command('toolwarden')
  .description('Flight recorder and guard for the tool calls that AI agents make over MCP')
  .enablePositionalOptions()
  .showHelpAfterError('(toolwarden --help shows the commands)')
  .exitOverride()

program
  .command('gateway')
  .description('stand between an MCP client (stdin, stdout) and the server that the command starts')
  .option('--policy <file>', 'policy file; without one that loads every call is denied')
  .option('--upstream <command>', 'the server command as one string, instead of -- <command>')
  .option('--name <name>', 'name of the server in events and policy')
  .option('--principal <principal>', 'who calls: agent:<name>')
  .option('--session <id>', 'what belongs to one agent conversation')
  .option('--root <directory>', 'where the server takes relative paths from')
  .option('--config <file>', 'toolwarden.yaml')
  .argument('[command...]', 'the server command, after --')
  .action(async (command: readonly string[], flags: object) => {
    const { runGateway } = await import('./gateway-command.ts')
    const { endLike } = await import('./shutdown.ts')
    endLike(await runGateway(flags, command))
  })

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
      `toolwarden: ${error instanceof ToolwardenError ? describeError(error) : `INTERNAL: ${String(error)}`}\n`,
    )
    process.exitCode = exitCodeOf(error)
  }
}
