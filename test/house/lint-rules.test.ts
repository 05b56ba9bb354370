// Each rule of style.md that biome.json adds to Biome's recommended ones, proved by code that breaks it.
// A rule that a new Biome renames or drops makes its line fail here instead of falling silent.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lintSandbox } from '../support/lint-sandbox.ts'

const longFunction = `export function long(): void {\n${'  call()\n'.repeat(61)}}\n`
const longFile = 'call()\n'.repeat(301)

const broken: readonly (readonly [rule: string, path: string, source: string])[] = [
  ['style/noDefaultExport', 'events/default-export.ts', 'export default 1\n'],
  ['suspicious/noExplicitAny', 'events/any.ts', 'export const value: any = 1\n'],
  ['style/noNonNullAssertion', 'events/non-null.ts', 'export const get = (x?: string): string => x!\n'],
  ['style/useImportType', 'events/import-type.ts', "import { Log } from './log.ts'\nexport const x = (l: Log) => l\n"],
  ['style/noEnum', 'events/enum.ts', 'export enum Colour { Red }\n'],
  ['style/noParameterProperties', 'events/parameter.ts', 'export class A { constructor(readonly x: number) {} }\n'],
  ['suspicious/noEmptyBlockStatements', 'events/empty-catch.ts', 'try {\n  run()\n} catch {}\n'],
  ['performance/noBarrelFile', 'events/barrel.ts', "export { a } from './a.ts'\n"],
  ['performance/noReExportAll', 'events/all.ts', "export * from './a.ts'\n"],
  ['style/useFilenamingConvention', 'events/CamelCase.ts', 'export const x = 1\n'],
  ['style/useFilenamingConvention', 'events/snake_case.ts', 'export const x = 1\n'],
  ['complexity/noExcessiveLinesPerFunction', 'events/long-function.ts', longFunction],
  ['style/noExcessiveLinesPerFile', 'events/long-file.ts', longFile],
  ['suspicious/noConsole', 'events/console.ts', "console.log('x')\n"],
  ['style/noProcessEnv', 'events/environment.ts', 'export const x = process.env.HOME\n'],
  ['correctness/useImportExtensions', 'events/extension.ts', "import { x } from './sample'\nx()\n"],
  ['correctness/noUnusedImports', 'events/unused.ts', "import { x } from './sample.ts'\n"],
  ['nursery/noFloatingPromises', 'events/floating.ts', 'async function run(): Promise<void> {}\nrun()\n'],
  [
    'nursery/noMisusedPromises',
    'events/misused.ts',
    'async function run(): Promise<boolean> {\n  return true\n}\nexport const x = () => { if (run()) return 1; return 2 }\n',
  ],
  [
    'nursery/useExhaustiveSwitchCases',
    'events/switch.ts',
    "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1\n  }\n  return 2\n}\n",
  ],
  ['suspicious/noImportCycles', 'events/cycle-a.ts', "import { b } from './cycle-b.ts'\nexport const a = () => b\n"],
]

const clean: Readonly<Record<string, string>> = {
  'events/sample.ts': 'export function x(): number {\n  return 1\n}\n',
  'events/cycle-b.ts': "import { a } from './cycle-a.ts'\nexport const b = () => a\n",
  'cli/sample.ts': 'console.log(process.env.HOME)\n',
  'test/sample.ts': 'console.log(process.env.HOME)\n',
  'bench/sample.bench.ts': 'console.log(process.env.HOME)\n',
  'test/events/long.test.ts': longFunction,
}

describe('lint rules', () => {
  const sources = broken.map(([, path, source]) => [path, source])
  const findings = lintSandbox({ ...Object.fromEntries(sources), ...clean })

  for (const [rule, path] of broken) {
    it(`reports ${rule} in ${path}`, () => {
      const rules = findings.filter((finding) => finding.path === path).map((finding) => finding.rule)
      assert.ok(rules.includes(`lint/${rule}`), `only ${rules.join(', ') || 'nothing'} was reported`)
    })
  }

  for (const path of Object.keys(clean).filter((name) => !name.includes('cycle'))) {
    it(`reports nothing in ${path}`, () => {
      const found = findings.filter((finding) => finding.path === path)
      assert.deepEqual(found, [])
    })
  }
})
