// Which test files may share a process: starting one for each costs more than most of them do. A file whose hooks stand
// outside every suite, or that touches what its process has but once, keeps a process of its own. Pure.

/** So few files are run each by itself: somebody looks at them. */
const MIN_SHARED_FILES = 20
/** More than the runner has at once, so that one slow file holds up little. */
const GROUPS = 4

/** Hooks of a file's root would be those of all files of the process. */
const ROOT_HOOK = /^(?:before|after)(?:Each)?\(/m
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
  const shared = files.filter((file) => {
    const text = readText(file)
    return !ROOT_HOOK.test(text) && !OWN_PROCESS.test(text)
  })
  const together = Array.from({ length: GROUPS }, (_, group) => shared.filter((_, index) => index % GROUPS === group))
  return {
    alone: files.filter((file) => !shared.includes(file)),
    together: together.filter((group) => group.length > 0),
  }
}
