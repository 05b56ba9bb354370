// What stands for a policy as evidence: the file's bytes as they are; where it extends others, all texts in one, each under
// its name and length, so that no two sets of files give the same text. Its SHA-256 is the policy's hash.

import { createHash } from 'node:crypto'

/** A file's text under the name by which `extends` leads to it. */
export interface NamedText {
  readonly name: string
  readonly text: string
}

/** Joins the texts of a policy, the first file's first. */
export function joinPolicyTexts(files: readonly NamedText[]): string {
  const [only, ...more] = files
  if (only === undefined || more.length === 0) return only?.text ?? ''
  const parts = files.map(({ name, text }) => {
    const header = `# toolwarden policy file ${JSON.stringify(name)}, ${Buffer.byteLength(text)} bytes`
    return `${header}\n${text}\n`
  })
  return `# toolwarden policy of ${files.length} files\n${parts.join('')}`
}

/** The texts that were joined, the first file's first. Throws RangeError where so many were not. */
export function splitPolicyTexts(text: string, count: number): readonly NamedText[] {
  if (count === 1) return [{ name: '', text }]
  const bytes = Buffer.from(text)
  const files: NamedText[] = []
  for (let at = bytes.indexOf('\n') + 1; at > 0 && at < bytes.length; ) {
    const end = bytes.indexOf('\n', at)
    const header = /^# toolwarden policy file ("(?:[^"\\]|\\.)*"), (\d+) bytes$/.exec(bytes.toString('utf8', at, end))
    if (header === null) break
    const from = end + 1
    at = from + Number(header[2]) + 1
    files.push({ name: JSON.parse(header[1] ?? '""') as string, text: bytes.toString('utf8', from, at - 1) })
  }
  if (files.length === count) return files
  throw new RangeError(`the text is not one of ${count} files`)
}

/** The hash of a policy's joined text. */
export function hashPolicyText(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
