// HTTP fields as they came: names in their own case, in order, with doubles (RFC 9110, section 5). Pure.

/** Fields in order, as name and value. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** RFC 9110, section 7.6.1, with the older ones that proxies remove. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The fields of node's `rawHeaders`. */
export function headerList(raw: readonly string[]): HeaderList {
  const list: (readonly [string, string])[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) list.push([raw[index] ?? '', raw[index + 1] ?? ''])
  return list
}

/** Every value of a field; the name in lower case. */
export function headerValues(headers: HeaderList, name: string): readonly string[] {
  return headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

/** The first value of a field; the name in lower case. */
export function findHeader(headers: HeaderList, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1]
}

/** The fields that go on to the next hop: without those between two neighbours, those that `Connection` names, and `others`. */
export function endToEndHeaders(headers: HeaderList, others: ReadonlySet<string>): HeaderList {
  const named = headerValues(headers, 'connection').flatMap((value) =>
    value.split(',').map((name) => name.trim().toLowerCase()),
  )
  const dropped = new Set([...HOP_BY_HOP, ...others, ...named])
  return headers.filter(([name]) => !dropped.has(name.toLowerCase()))
}

/** As node's `rawHeaders` has them. */
export function flatHeaders(headers: HeaderList): string[] {
  return headers.flat()
}
