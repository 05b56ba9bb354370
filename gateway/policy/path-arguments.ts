// Which strings of a call are path arguments: all under a path-like key, and any that looks like a path anywhere.
// Outside path-like keys, paths that stand within a text ("cat /etc/passwd") are path arguments of their own.

import type { ArgumentText } from './arguments.ts'
import { hasParentSegment, MAX_PATH_CHARACTERS } from './locate.ts'
import type { ReadingBudget, Readings } from './readings.ts'
import { listReadings } from './readings.ts'

/** Last words of the keys whose strings are paths whatever they look like. */
export const pathKeys: readonly string[] = [
  'path',
  'paths',
  'file',
  'files',
  'filename',
  'filenames',
  'filepath',
  'filepaths',
  'pathname',
  'dir',
  'dirs',
  'dirname',
  'directory',
  'directories',
  'folder',
  'folders',
  'source',
  'sources',
  'src',
  'destination',
  'dest',
  'dst',
  'cwd',
  'workdir',
  'workspace',
  'logfile',
  'symlink',
]

/** A path argument, with every reading that has to be checked; or why it can't be read. */
export type PathArgument = Readings

/** The path arguments in one string of a call; empty where it holds none. `isNamed`: it stands under a path-like key. */
export function listPathArguments(
  argument: ArgumentText,
  isNamed: boolean,
  budget: ReadingBudget,
): readonly PathArgument[] {
  if (argument.kind === 'number') return []
  const named = argument.kind === 'string' && isNamed
  if (!named && !mayHoldPath.test(argument.text)) return []
  if (argument.text.length > MAX_PATH_CHARACTERS) return [{ problem: 'is too long to be checked as a path' }]
  const readings = listReadings(argument.text)
  if ('problem' in readings) return [readings]
  budget.characters -= readings.texts.reduce((total, text) => total + text.length, 0)
  const nested = readings.texts.flatMap(listFileUrls)
  if (named) return [readings, ...nested]
  if (!readings.texts.some(looksLikePath)) return []
  return [readings, ...nested, ...readings.texts.flatMap(listEmbeddedPaths).map((text) => ({ texts: [text] }))]
}

/** Cheap and generous: a text that does not even pass this looks like a path in no reading. */
export const mayHoldPath = /[/\\%~]|\.\.|file:|[^ -~]/i

function looksLikePath(reading: string): boolean {
  return /[/\\]|\.\.|^~|^file:/i.test(reading)
}

/** Every `file:` URL within a text, as in `jar:file:///etc/passwd!/x`. */
function listFileUrls(reading: string): readonly PathArgument[] {
  if (!/file:/i.test(reading)) return []
  return [...reading.matchAll(/(?<=[^A-Za-z0-9])file:[/\\][^\s"'<>`|]*/gi)].map((match) => ({ texts: [match[0]] }))
}

const delimiters = /[\s"'`=,;:|&()<>[\]{}]+/
// A URL with a host is no path: what stands in it is a matter of domains. Only `file:` and host-less ones stay.
const hostedUrl =
  /(?<![A-Za-z0-9+.-])(?!file:)[a-z][a-z0-9+.-]{0,31}:\/\/[^\s"'`<>|,;&(){}[\]/\\][^\s"'`<>|,;&(){}[\]]*/gi

/** The absolute paths, and those with a `..`, that stand within a text. */
export function listEmbeddedPaths(reading: string): readonly string[] {
  if (!/[/\\~]/.test(reading)) return []
  const tokens = reading.replace(hostedUrl, ' ').split(delimiters)
  return tokens.filter((token) => token !== reading && (/^[/\\~]./.test(token) || hasParentSegment(token)))
}
