// The words of `toolwarden classes`; each command's code is loaded when it runs.
import type { Command } from 'commander'

/** Adds the commands. */
export function addClassesCommands(program: Command): void {
  program
    .command('classes')
    .description('what tools are taken for: read, write, destructive, egress; whether their results are trusted')
    .command('suggest')
    .description(
      'entries for detectors.classes, from what gateways saw servers list, or from a server that is asked now',
    )
    .option('--from-server <server>', 'ask a server: its command as one string, or a URL')
    .option('--name <name>', 'the name of the server in events and policy')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./classes-command.ts')).suggestClasses(flags))
}
