// The words of `toolwarden rules`; each command's code is loaded when it runs.
import type { Command } from 'commander'

/** Adds the commands. */
export function addRuleCommands(program: Command): void {
  const rules = program
    .command('rules')
    .description('what detectors and people narrow for a while; without a subcommand what gateways honour now')
  rules
    .command('list', { isDefault: true })
    .description('show the rules in force')
    .option('--history', 'those of the past too, newest first')
    .option('--lifted', 'those that were lifted and stay away')
    .option('--session <id>', 'about one session')
    .option('--principal <name>', 'about one principal')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./rules-command.ts')).listRules(flags))
  rules
    .command('lift')
    .description('end a rule; the like of it stays away for a day')
    .argument('<id>', 'or how it begins, eight characters at least')
    .requiredOption('--reason <text>', 'why; it is recorded')
    .option('--stays-away <time>', 'longer than a day, as 7d (90d at most; an admin)')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: { readonly reason: string }) =>
      (await import('./rules-command.ts')).liftRule(id, flags),
    )
  rules
    .command('promote')
    .description('make a rule wider: a second one, in your name')
    .argument('<id>', 'or how it begins, eight characters at least')
    .requiredOption('--to <whom>', 'principal: all its sessions; everyone: whoever calls (an admin)')
    .requiredOption('--reason <text>', 'why; it is recorded, and shown to agents')
    .option('--for <time>', '15m, 1h, 7d at most; an hour unless told, longer needs an admin')
    .option('--action <action>', "deny or escalate; the rule's own unless told")
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: { readonly reason: string; readonly to: string }) =>
      (await import('./rules-command.ts')).promoteRule(id, flags),
    )
}
