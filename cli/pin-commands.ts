// The words of `toolwarden pin`; each command's code is loaded when it runs.
import type { Command } from 'commander'

/** Adds the commands. */
export function addPinCommands(program: Command): void {
  const pin = program
    .command('pin')
    .description('the definitions of tools: what was seen, what is held, what is approved')
    .option('--from-server <server>', 'approve what a server lists now: its command as one string, or a URL')
    .option('--name <name>', 'with --from-server: the name of the server in events and policy')
    .option('--reason <text>', 'with --from-server: why; it is recorded')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./pin-snapshot-command.ts')).pinFromServer(flags))
  pin
    .command('list')
    .description('show every definition that gateways saw, and whether it is the pinned one')
    .option('--server <name>', 'of one server')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./pin-command.ts')).listPins(flags))
  pin
    .command('repair')
    .description('take out of the file of seen definitions what is damaged in it; the file is kept as it was beside it')
    .argument('<server>', 'the name of the server')
    .option('--config <file>', 'toolwarden.yaml')
    .action(async (server: string, flags: object) =>
      (await import('./pin-repair-command.ts')).repairPinFile(server, flags),
    )
  pin
    .command('approve')
    .description('hold a tool to the definition that was seen last')
    .argument('<server/tool>', 'one tool; with --all a server')
    .option('--all', 'everything of the server that is not pinned')
    .option('--reason <text>', 'why; it is recorded')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (target: string, flags: object) => (await import('./pin-command.ts')).approvePins(target, flags))
}
