// Which compiled test files a run takes: pure, so that the choice itself is tested.
// Suites under test/real/ need real servers or minutes, and run by themselves.

/** What was asked for on the command line. */
export interface TestRequest {
  /** Takes the suites under test/real/ and no others. */
  readonly real: boolean
  /** Takes the files whose path contains one of these; every file when empty. One that begins with `!` leaves files out. */
  readonly filters: readonly string[]
}

/** Reads the command line: `--real`, and filters; throws on an option it does not know. */
export function parseTestRequest(args: readonly string[]): TestRequest {
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== '--real')
  if (unknown !== undefined) throw new Error(`unknown option ${unknown}: give --real, or parts of the tests' paths`)
  return { real: args.includes('--real'), filters: args.filter((arg) => arg !== '--real') }
}

/** The wanted ones of `files` (paths below test/ with forward slashes), sorted. */
export function selectTests(files: readonly string[], { real, filters }: TestRequest): readonly string[] {
  const taken = filters.filter((filter) => !filter.startsWith('!'))
  const left = filters.filter((filter) => filter.startsWith('!')).map((filter) => filter.slice(1))
  const wanted = (file: string) =>
    (taken.length === 0 || taken.some((part) => file.includes(part))) && !left.some((part) => file.includes(part))
  return files.filter((file) => file.startsWith('real/') === real && wanted(file)).toSorted()
}

/** The compiled tests whose source is gone: `tsc` leaves them behind and they must not run. */
export function findStaleTests(compiled: readonly string[], sources: readonly string[]): readonly string[] {
  const known = new Set(sources.map((source) => source.replace(/\.ts$/, '.js')))
  return compiled.filter((file) => !known.has(file))
}
