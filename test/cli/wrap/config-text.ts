// Random configuration files, laid out in every way that clients read: tabs, CRLF, comments, trailing commas, a byte order mark.
import fc from 'fast-check'

/** A JSON text with its layout: what it says is in `value`. */
export interface ConfigText {
  readonly text: string
  readonly servers: Readonly<Record<string, StdioServer>>
}
/** A server that a client starts. */
export interface StdioServer {
  readonly command: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

interface Layout {
  readonly eol: string
  readonly indent: string
  readonly comment: string
  readonly isTrailing: boolean
  readonly mark: string
}

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const layout: fc.Arbitrary<Layout> = fc.record({
  eol: fc.constantFrom('\n', '\r\n', '', ' '),
  indent: fc.constantFrom('', '  ', '\t'),
  comment: fc.constantFrom('', '/* { "a": 1, */', '/* é */ '),
  isTrailing: fc.boolean(),
  mark: fc.constantFrom('', '\uFEFF'),
})
const server: fc.Arbitrary<StdioServer> = fc.record(
  {
    command: word.filter((text) => text.trim() !== ''),
    args: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }),
    env: fc.dictionary(fc.constantFrom('A', 'B', 'é'), word, { noNullPrototype: true }),
    other: fc.jsonValue(),
  },
  { requiredKeys: ['command'] },
)
const key = fc.constantFrom('mcpServers', 'servers')

/** Files with stdio servers among other keys. */
export const configText: fc.Arbitrary<ConfigText> = fc
  .record({ layout, key, servers: fc.dictionary(word, server, { noNullPrototype: true }), other: fc.jsonValue() })
  .map(({ layout: how, key: place, servers, other }) => ({
    servers,
    text: `${how.mark}${how.comment}${write({ other, [place]: servers }, how, how.eol)}${how.eol}`,
  }))

function write(value: unknown, layout: Layout, line: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = line === '' ? '' : `${line}${layout.indent}`
  const list = Array.isArray(value)
    ? value.map((item: unknown) => write(item, layout, inner))
    : Object.entries(value).map(
        ([name, item]) => `${JSON.stringify(name)}${layout.comment}: ${write(item, layout, inner)}`,
      )
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  if (list.length === 0) return `${open}${layout.comment}${close}`
  return `${open}${inner}${layout.comment}${list.join(`,${inner}`)}${layout.isTrailing ? ',' : ''}${line}${close}`
}
