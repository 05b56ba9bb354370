// An imported policy as a file: each rule under what has to be said of it.

import { stringify } from 'yaml'
import type { ImportedPolicy } from './import-authensor.ts'

/** Writes the file. */
export function writeImported({ name, rules, notes, ...policy }: ImportedPolicy, schemaComment: string): string {
  const seen = new Map<string, number>()
  const texts = rules.map(({ rule, notes: own }) => {
    const id = typeof rule.id === 'string' ? rule.id : undefined
    const count = id === undefined ? 0 : (seen.get(id) ?? 0) + 1
    if (id !== undefined) seen.set(id, count)
    const unique = count > 1 ? { ...rule, id: `${id}:${count}` } : rule
    const text = stringify([unique], { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()
    return [...own.map((each) => toComment(each)), ...text.split('\n')].map((line) => `  ${line}`).join('\n')
  })
  return [
    schemaComment,
    toComment(
      `Imported from the policy ${JSON.stringify(name)}. What could not be carried over is said above each rule, and fails closed.`,
    ),
    ...notes.map((each) => toComment(`not carried over: ${each}`)),
    'version: "1"',
    `default: ${policy.default}`,
    rules.length === 0 ? 'rules: []' : 'rules:',
    ...texts,
    '',
  ].join('\n')
}

/** One line, whatever the imported file holds. */
function toComment(text: string): string {
  return `# ${text.replace(/[\p{Cc}\u2028\u2029\ufeff]/gu, ' ').toWellFormed()}`
}
