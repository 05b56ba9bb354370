// The words of `toolwarden detectors replay` and `tune`; their code is loaded when they run.
import type { Command } from 'commander'

/** Adds them to the command of the role. */
export function addDetectorsCommands(detectors: Command): void {
  const ways = [
    [
      'replay',
      'what the detectors would have raised over history, and which calls they would have met; nothing is done',
    ],
    ['tune', 'what each value of each threshold would have raised over history'],
  ] as const
  for (const [way, description] of ways)
    detectors
      .command(way)
      .description(description)
      .option('--from <time>', 'not older than this: 2026-11-22 or 2026-11-22T13:00:00Z')
      .option('--to <time>', 'older than this')
      .option('--config <file>', 'toolwarden.yaml, whose `detectors:` is tried')
      .option('--json', 'as JSON')
      .action(async (flags: object) => (await import('./detectors-replay-command.ts')).runOverHistory(way, flags))
}
