// The words of `toolwarden alerts`; each command's code is loaded when it runs.
import type { Command } from 'commander'

/** Adds the commands. */
export function addAlertCommands(program: Command): void {
  const alerts = program
    .command('alerts')
    .description('what the detectors raised; without a subcommand what nobody has closed')
  alerts
    .command('list', { isDefault: true })
    .description('show what nobody has closed, newest first')
    .option('--all', 'also what is closed')
    .option('--state <state>', 'open, acknowledged or closed')
    .option('--severity <severity>', 'low, medium, high or critical')
    .option('--detector <name>', 'of one detector')
    .option('--principal <name>', 'about one principal')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./alerts-command.ts')).listAlerts(flags))
  alerts
    .command('show')
    .description('one with the events behind it, what was done, and its tags')
    .argument('<id>', 'or how it begins, eight characters at least')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: object) => (await import('./alerts-command.ts')).showAlert(id, flags))
  for (const [word, step, description] of [
    ['ack', 'acknowledge', 'say that somebody looks at it'],
    ['close', 'close', 'say what became of it; a closed alert stays closed'],
  ] as const)
    alerts
      .command(word)
      .description(description)
      .argument('<id>', 'or how it begins, eight characters at least')
      .requiredOption('--reason <text>', 'why; it is recorded')
      .option('--config <file>', 'toolwarden.yaml')
      .option('--json', 'as JSON')
      .action(async (id: string, flags: { readonly reason: string }) =>
        (await import('./alerts-command.ts')).updateAlert(step, id, flags),
      )
}
