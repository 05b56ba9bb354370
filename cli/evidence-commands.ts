// The words of the commands that make evidence stand without its owner: witnesses. Their work is loaded only when they run.
import type { Command } from 'commander'

/** Adds the commands. */
export function addEvidenceCommands(program: Command): void {
  const witness = program
    .command('witness')
    .description('cosign what other ledgers publish, each only where it extends what was seen before')
    .option('--directory <path>', 'where its key is, and what it saw; of this witness alone')
    .option('--listen <host:port>', 'where it answers; 127.0.0.1:8790 unless told')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./witness-command.ts')).runWitness(flags))
  witness
    .command('init')
    .description('make the key of a new witness and show what others need to trust it')
    .requiredOption('--directory <path>', 'where its key is to be, and what it sees')
    .requiredOption('--name <name>', 'what it is called in signatures: a URL without scheme')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./witness-command.ts')).runWitnessInit(flags))
  witness
    .command('add-log')
    .description('serve a ledger from the next start on')
    .argument('<vkey>', "the log's public key: log.vkey in its installation directory")
    .requiredOption('--directory <path>', 'where its key is, and what it saw')
    .option('--json', 'as JSON')
    .action(async (vkey: string, flags: object) => (await import('./witness-command.ts')).runWitnessAddLog(vkey, flags))
}
