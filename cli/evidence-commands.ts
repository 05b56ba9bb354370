// The words of the commands that make evidence stand without its owner: verification, witnesses and keys. Their work is loaded only when they run.
import type { Command } from 'commander'

/** Adds the commands. */
export function addEvidenceCommands(program: Command): void {
  program
    .command('verify')
    .description(
      'verify the stored chains and the Merkle log, or a bundle: exit code 0 valid, 1 tampered, 2 incomplete',
    )
    .argument('[bundle]', 'what `toolwarden export` wrote, checked offline; the ledger unless told')
    .option('--writers <file>', 'of a bundle: the writers whom you trust, as in installation.json')
    .option('--trust <policy>', 'whom you trust: logs, witnesses and their quorum (C2SP tlog-policy)')
    .option('--checkpoint <file...>', 'checkpoints that you kept: the log must begin with them')
    .option('--not-older-than <age>', 'how old the word of the witnesses may be: 90s, 15m, 24h, 7d, or a time')
    .option('--accept-unwitnessed', "the owner's keys alone are good enough")
    .option('--quick', 'bodies, hashes and links alone, inside the store: no signatures, payloads or Merkle log')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (bundle: string | undefined, flags: object) => {
      process.exitCode =
        bundle === undefined
          ? await (await import('./verify-command.ts')).runVerify(flags)
          : await (await import('./verify-bundle.ts')).runVerifyBundle(bundle, flags)
    })
  program
    .command('repair')
    .description(
      'put right what is damaged in the store, from the event log, while `up` is stopped: exit code as of verify',
    )
    .option('--reason <text>', 'why; it is recorded')
    .option('--dry-run', 'count, and change nothing: exit code 1 where something is damaged')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => {
      process.exitCode = await (await import('./repair-command.ts')).runRepair(flags)
    })
  addExport(program)
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
  addKeys(program)
}

function addExport(program: Command): void {
  program
    .command('export')
    .description('write evidence that others verify without this ledger; the export is recorded')
    .option('--out <path>', 'the file, or a directory that it goes into')
    .option('--from <time>', 'not older than this time')
    .option('--to <time>', 'older than this time')
    .option('--type <type>', 'events of one type')
    .option('--principal <name>', 'of one principal')
    .option('--session <id>', 'of one session')
    .option('--server <name>', 'of one server')
    .option('--tool <name>', 'of one tool')
    .option('--call <id>', 'of one call')
    .option('--format <format>', 'bundle, csv, or sep-3004 (audit records); bundle unless told')
    .option('--payloads', 'disclose what was recorded of arguments and results')
    .option(
      '--checkpoint <file...>',
      'checkpoints that the reader kept: the bundle then shows that the log begins with them',
    )
    .option('--reason <text>', 'why; it is recorded')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./export-command.ts')).runExport(flags))
}

function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description("writers' long-lived keys, and the enrolment key that vouches for them")
  const common = (command: Command): Command =>
    command.option('--config <file>', 'toolwarden.yaml').option('--json', 'as JSON')
  common(keys.command('init').description('make what is missing; encrypt the keys where a passphrase is set')).action(
    async (flags: object) => (await import('./keys-command.ts')).runKeysInit(flags),
  )
  common(keys.command('show').description('show whose keys there are')).action(async (flags: object) =>
    (await import('./keys-command.ts')).runKeysShow(flags),
  )
  common(keys.command('register').description("vouch for another machine's writer"))
    .argument('<writer>', 'role/name, or role/* for every writer of that role')
    .argument('<public-key>', 'base64url, as `keys show` has it there')
    .action(async (writer: string, key: string, flags: object) =>
      (await import('./keys-command.ts')).runKeysRegister(writer, key, flags),
    )
  common(keys.command('rotate').description('make a new key for a role; the old one counts for what lies before'))
    .argument('<role>', 'gateway, detectors, api or ledger')
    .option('--compromised', 'the old key may be in other hands: nothing that it says on control stays in force')
    .option('--reason <text>', 'why; it is recorded')
    .action(async (role: string, flags: object) => (await import('./keys-command.ts')).runKeysRotate(role, flags))
  common(keys.command('revoke').description("honour another machine's key no more"))
    .argument('<public-key>', 'base64url, as `keys show` has it')
    .option('--reason <text>', 'why; it is recorded')
    .action(async (key: string, flags: object) => (await import('./keys-command.ts')).runKeysRevoke(key, flags))
}
