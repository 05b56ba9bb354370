// Which test files may share a process: starting one for each costs more than most of them do. A file that touches what its
// process has but once keeps a process of its own. Pure.

/** So few files are run each by itself: somebody looks at them. */
const MIN_SHARED_FILES = 20
/** More than the runner has at once, so that one slow file holds up little. */
const GROUPS = 6

/** Environment, signals and exit code, other processes, and chDB, which opens one directory a process. */
const OWN_PROCESS =
  /process\.(?:env|on|once|exitCode|chdir|cwd)\b|\bspawn\b|startBackground|chdb|openLedgerStore|createTestStores|describeStore/

/** How files are spread over processes. */
export interface TestGroups {
  readonly alone: readonly string[]
  readonly together: readonly (readonly string[])[]
}

/** Groups test files; `readText` gives the compiled text of one. */
export function groupTests(files: readonly string[], readText: (file: string) => string): TestGroups {
  if (files.length < MIN_SHARED_FILES) return { alone: files, together: [] }
  const shared = files.filter((file) => !OWN_PROCESS.test(readText(file)))
  const together = Array.from({ length: GROUPS }, (_, group) => shared.filter((_, index) => index % GROUPS === group))
  return {
    alone: files.filter((file) => !shared.includes(file)),
    together: together.filter((group) => group.length > 0),
  }
}

/** The text of a module that runs files, given by URL, one after the other: each a suite, so that its hooks are its own. */
export function entryOf(files: readonly { readonly name: string; readonly url: string }[]): string {
  const suites = files.map(({ name, url }) => {
    const [quotedName, quotedUrl] = [JSON.stringify(name), JSON.stringify(url)]
    return `await new Promise((loaded) => describe(${quotedName}, () => import(${quotedUrl}).finally(loaded)))`
  })
  return `import { describe } from 'node:test'\n${suites.join('\n')}\n`
}
