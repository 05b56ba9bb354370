// `toolwarden policy …`: the subcommands that work with policies; each one's code is loaded when it runs.
import type { Command } from 'commander'
import { addTo } from './repeated-option.ts'

/** Where the servers of recorded calls stood. */
const ROOTS = [
  '--root <directory>',
  'where servers take relative paths from; <server>=<directory> for one; again for more',
  addTo,
] as const

/** Adds the subcommands. */
export function addPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('check policies, try them out, and write them')
  addChecks(policy)
  addComparisons(policy)
  addProtected(policy)
  addWriters(policy)
}

/** What a policy says, and whether it says what it should. */
function addChecks(policy: Command): void {
  policy
    .command('lint')
    .description('show every error of a policy, and what is odd about it: exit code 1 a warning, 4 it does not load')
    .argument('[file]', 'policy file; that of the data directory unless told')
    .option(
      '--recorded [path]',
      'the tools that were called: of the ledger, or of a file or directory of recorded calls',
    )
    .option('--tools <file>', "the servers' tools, as JSON: an answer to tools/list")
    .option('--from-server <server>', 'ask a server for them: its command as one string, or an https:// URL')
    .option('--server <name>', 'the server that they belong to')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (file: string | undefined, flags: object) => {
      process.exitCode = await (await import('./policy-lint-command.ts')).runPolicyLint(file, flags)
    })

  policy
    .command('explain')
    .description('show what a policy decides on one call, by which rule, and why no other one did')
    .argument('[file]', 'policy file; that of the data directory unless told')
    .option('--id <call>', 'a recorded call instead: of the ledger, or of --history')
    .option('--history <path>', 'a file or directory of recorded calls')
    .option('--call <json>', 'the call: { "tool": …, "server": …, "principal": …, "arguments": { … } }')
    .option('--tool <name>', 'its tool, or resource:<uri>, prompt:<name>, method:<method>')
    .option('--server <name>', 'the server that is called')
    .option('--principal <principal>', 'who calls')
    .option('--client <name>', 'with which program')
    .option('--arguments <json>', 'its arguments')
    .option('--root <directory>', 'where the server takes relative paths from')
    .option('--remote', 'the server is on another machine: paths are checked as written')
    .option('--lexical', 'ask no file system: paths lead where they are written')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (file: string | undefined, flags: object) =>
      (await import('./policy-explain-command.ts')).runPolicyExplain(file, flags),
    )

  policy
    .command('test')
    .description('decide on the calls of test files and compare: exit code 1 a case fails, 4 a file does not load')
    .argument('<files...>', 'test files')
    .option('--json', 'as JSON')
    .action(async (files: readonly string[], flags: object) => {
      process.exitCode = (await import('./policy-test-command.ts')).runPolicyTest(files, flags)
    })

  addHistoryCommands(policy)
}

/** Those that read recorded calls. */
function addHistoryCommands(policy: Command): void {
  policy
    .command('replay')
    .description('what a policy would have decided over recorded calls, and what that changes')
    .argument('<policy>', 'policy file')
    .option('--history <path>', 'a file or directory of recorded calls (*.calls.jsonl[.gz]); the ledger unless told')
    .option('--from <time>', 'not older than this time')
    .option('--to <time>', 'older than this time')
    .option(...ROOTS)
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (file: string, flags: object) =>
      (await import('./policy-replay-command.ts')).runPolicyReplay(file, flags),
    )
}

/** What was in force, and what another policy would have decided. */
function addComparisons(policy: Command): void {
  policy
    .command('diff')
    .description('show what changed between two policies: exit code 1 something')
    .argument('<before>', 'policy file')
    .argument('<after>', 'policy file')
    .option('--history [path]', 'and on which recorded calls they differ: of the ledger, or of a file or directory')
    .option('--from <time>', 'calls not older than this time')
    .option('--to <time>', 'calls older than this time')
    .option(...ROOTS)
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (before: string, after: string, flags: object) => {
      process.exitCode = await (await import('./policy-diff-command.ts')).runPolicyDiff(before, after, flags)
    })

  policy
    .command('show')
    .description('list the policies that were in force, or show the text of one')
    .argument('[hash]', 'as decisions name it, or its beginning')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (hash: string | undefined, flags: object) =>
      (await import('./policy-show-command.ts')).runPolicyShow(hash, flags),
    )
}

/** What waits for an admin. */
function addProtected(policy: Command): void {
  policy
    .command('held')
    .description('list the changes of policies that may allow more and were held (policy.protect)')
    .option('--server <name>', 'of one server')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./policy-accept-command.ts')).listHeld(flags))

  policy
    .command('accept')
    .description('let a held change of policy take effect')
    .argument('<hash>', 'of the policy that is held, or its beginning')
    .option('--server <name>', 'for one server; else for each that holds it')
    .option('--reason <text>', 'why; it is recorded')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (hash: string, flags: object) =>
      (await import('./policy-accept-command.ts')).acceptPolicy(hash, flags),
    )
}

/** Policies that are written for you. */
function addWriters(policy: Command): void {
  policy
    .command('import')
    .description(
      "write another form's policy (Authensor's JSON) in this language; what can't be carried over fails closed",
    )
    .argument('<file>', 'the JSON file')
    .option('--output <file>', 'where to; - for standard output; <name>.policy.yaml unless told')
    .option('--force', 'replace the file')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (file: string, flags: object) =>
      (await import('./policy-import-command.ts')).runPolicyImport(file, flags),
    )

  policy
    .command('init')
    .description('write a commented first policy for a server, from the tools that it lists')
    .requiredOption('--from-server <server>', 'its command as one string, or an https:// URL')
    .option('--name <name>', 'its name in events and policy')
    .option(
      '--root <directory>',
      'reads are allowed below it; those that the command names unless told; again for more',
      addTo,
    )
    .option('--output <file>', 'where to; - for standard output; <name>.policy.yaml unless told')
    .option('--force', 'replace the file')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: { readonly fromServer: string }) =>
      (await import('./policy-init-command.ts')).runPolicyInit(flags),
    )

  policy
    .command('suggest')
    .description('the least-privilege policy that allows what recorded calls did, with its evidence')
    .option('--history <path>', 'a file or directory of recorded calls (*.calls.jsonl[.gz]); the ledger unless told')
    .option('--from <time>', 'not older than this time')
    .option('--to <time>', 'older than this time')
    .option(...ROOTS)
    .option('--missed <percent>', 'of the sessions that a policy made from the others may deny a call; 2 unless told')
    .option('--config <file>', 'toolwarden.yaml')
    .option('--json', 'as JSON')
    .action(async (flags: object) => (await import('./policy-suggest-command.ts')).runPolicySuggest(flags))
}
