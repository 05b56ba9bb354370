// The words of `toolwarden erase` and `toolwarden hold`; their work is loaded only when they run.
import type { Command } from 'commander'

/** Adds the commands. */
export function addErasureCommands(program: Command): void {
  named(program.command('erase').description('erase what was recorded of arguments and results; the events stay'))
    .option('--older-than <age>', 'events older than 90d, 24h, or a time')
    .option('--reason <text>', 'why; it is recorded')
    .option('--dry-run', 'count, and change nothing')
    .option('--skip-held', 'leave out what is under a legal hold, instead of refusing')
    .action(async (flags: object) => (await import('./erase-command.ts')).runErase(flags))
  common(program.command('prune').description('remove whole months of events; every proof of what stays holds'))
    .requiredOption('--before <month>', 'the first month that stays: 2026-08')
    .option('--reason <text>', 'why; it is recorded')
    .option('--dry-run', 'count, and change nothing')
    .action(async (flags: object) => (await import('./prune-command.ts')).runPrune(flags))
  const hold = program.command('hold').description('legal holds: what they name is not erased')
  named(hold.command('add').description('hold what is named'))
    .option('--reason <text>', 'why; it is recorded')
    .action(async (flags: object) => (await import('./erase-command.ts')).addHold(flags))
  common(hold.command('remove').description('release a hold'))
    .argument('<id>', 'as `hold list` shows it')
    .option('--reason <text>', 'why; it is recorded')
    .action(async (id: string, flags: object) => (await import('./erase-command.ts')).removeHold(id, flags))
  common(hold.command('list').description('show the holds in force')).action(async (flags: object) =>
    (await import('./erase-command.ts')).listHolds(flags),
  )
}

function named(command: Command): Command {
  return common(command)
    .option('--call <id>', 'one call')
    .option('--session <id>', 'one session')
    .option('--principal <name>', 'one principal')
}

function common(command: Command): Command {
  return command.option('--config <file>', 'toolwarden.yaml').option('--json', 'as JSON')
}
