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
  addDelivery(alerts)
}

function addDelivery(alerts: Command): void {
  alerts
    .command('deliveries')
    .description('show what waits for webhooks and the SIEM file, and what could not be delivered')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./alert-delivery-command.ts')).listDeliveries(flags))
  alerts
    .command('resend')
    .description('send again what could not be delivered; whoever runs the detectors does it')
    .argument('[id]', 'as `deliveries` shows it')
    .option('--all', 'everything that could not be delivered')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (id: string | undefined, flags: object) =>
      (await import('./alert-delivery-command.ts')).resendDeliveries(id, flags),
    )
  alerts
    .command('test')
    .description('send a test to every destination, or to one, now: exit code 5 where one was not told')
    .argument('[destination]', 'the name of a webhook, or siem-file')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (destination: string | undefined, flags: object) =>
      (await import('./alert-delivery-command.ts')).testDestinations(destination, flags),
    )
}
