// Arguments of about 1 MB, each built to make one part of a decision slow. The text comes with them: what nests deeper than a
// stack can't be written out from its value.

const MEGABYTE = 1_000_000

/** Arguments, and their text. */
export interface SlowArguments {
  readonly what: string
  readonly value: unknown
  readonly text: string
}

/** Every case. */
export function slowArguments(): readonly SlowArguments[] {
  return [...Object.entries(texts()), ...Object.entries(lists()), ...Object.entries(shapes())].map(([what, value]) => ({
    ...{ what, value },
    text: what.startsWith('deep') ? nested(depthOf(what)) : JSON.stringify(value),
  }))
}

function texts(): Readonly<Record<string, unknown>> {
  return {
    'one text': { path: '/tmp/a', content: repeat('some text and/or more of it\n') },
    'letters alone': { content: repeat('a') },
    'percent signs': { content: repeat('%2f') },
    'encoded layers': { content: repeat('%2525252f') },
    colons: { content: repeat('http:') },
    URLs: { content: repeat('http://a.example/ ') },
    'non-ASCII': { content: repeat('ﬁ／') },
    blanks: { content: `${repeat(' ')}x` },
    slashes: { content: repeat('/') },
    dots: { content: repeat('../') },
    'a path of 1 MB': { path: `/tmp/${repeat('a/')}` },
    'a URL of 1 MB': { url: `http://a.example/${repeat('a/')}` },
    'a label of 1 MB': { host: repeat('a.') },
    hex: { content: repeat('0x7f.') },
    brackets: { content: repeat('[::') },
    'at signs': { content: repeat('a@') },
    escapes: { content: repeat('%u002f') },
    quotes: { content: repeat('\\"') },
  }
}

function lists(): Readonly<Record<string, unknown>> {
  return {
    'long strings below the limits': { list: list((place) => `${place}/${'a/../'.repeat(800)}`, 4_000) },
    'long encoded strings below the limits': { list: list((place) => `${place}${'%2525'.repeat(800)}`, 4_000) },
    'long non-ASCII strings below the limits': { list: list((place) => `${place}${'／é'.repeat(1_000)}`, 4_000) },
    'many short paths': { list: list((place) => `/x/${place}`, 20) },
    'many short path arguments': { paths: list((place) => `/x/${place}`, 20) },
    'many deep path arguments': { paths: list((place) => `/${'a/'.repeat(60)}${place}`, 130) },
    'many relative paths': { list: list((place) => `${place}/y`, 20) },
    'many encoded paths': { paths: list((place) => `%252fx%252f${place}`, 24) },
    'many short words': { list: list((place) => `w${place}`, 20) },
    'many different words': { list: Array.from({ length: 24_000 }, (_, place) => `${place}${'w'.repeat(30)}`) },
    'many hosts': { list: list((place) => `h${place}.example.com`, 24) },
    'many hosts in one text': { content: list((place) => `h${place}.example.com`, 20).join(' ') },
    'many addresses in one text': { content: list((place) => `10.0.${place % 256}.1`, 10).join(' ') },
    'many URLs': { list: list((place) => `http://h${place}.example.com/`, 32) },
    'many URLs in one text': { content: list((place) => `http://h${place}.example.com/`, 28).join(' ') },
    'many IDN hosts': { list: list((place) => `bü${place}.example.com`, 24) },
    'many ports': { list: list((place) => `8787${place % 10}`, 8) },
  }
}

function shapes(): Readonly<Record<string, unknown>> {
  return {
    'many numbers': { list: Array.from({ length: 500_000 }, () => 1) },
    'many long numbers': { list: Array.from({ length: 50_000 }, (_, place) => 12_345_678_901.25 + place) },
    'many nulls': { list: Array.from({ length: 200_000 }, () => null) },
    'many empty lists': { list: Array.from({ length: 300_000 }, () => []) },
    'many small objects': { list: Array.from({ length: 8_000 }, (_, place) => ({ id: place, tags: ['a', 'b'] })) },
    'many keys': Object.fromEntries(list((place) => `camelCase_key${place}`, 25).map((key) => [key, 'a/b'])),
    'one key of 1 MB': { [repeat('aB')]: '/tmp/a' },
    'keys of 60 levels': { list: Array.from({ length: 200 }, (_, place) => chain(60, place)) },
    'equal items': { list: Array.from({ length: 9_000 }, (_, place) => ({ b: 'x'.repeat(80), a: place })) },
    'deep nesting of 60 levels': nest(60),
    'deep nesting of 15,000 levels': nest(15_000),
    'deep nesting of 400,000 levels': nest(400_000),
  }
}

function repeat(text: string): string {
  return text.repeat(Math.floor(MEGABYTE / text.length))
}

function list(text: (place: number) => string, length: number): readonly string[] {
  return Array.from({ length: Math.floor(MEGABYTE / length) }, (_, place) => text(place))
}

function chain(levels: number, place: number): unknown {
  let value: unknown = `/x/${place}`
  for (let level = 0; level < levels; level += 1) value = { path: value }
  return value
}

function nest(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = [value]
  return { list: value }
}

function nested(levels: number): string {
  return `{"list":${'['.repeat(levels)}1${']'.repeat(levels)}}`
}

function depthOf(what: string): number {
  return Number(/of ([\d,]+) levels/.exec(what)?.[1]?.replace(',', ''))
}
