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

/** The hash of a policy's joined text. */
export function hashPolicyText(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
