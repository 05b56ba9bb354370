// Keyed HMACs of short texts, remembered: the names of arguments, and the paths and ids that an agent works with, come again
// with every call, and an HMAC costs fifty times what it takes to look one up.
import { createHmac } from 'node:crypto'

/** The longest text whose HMAC is remembered, characters. */
const MAX_REMEMBERED_LENGTH = 128
/** The most HMACs of each of the two generations. */
const MAX_REMEMBERED = 500

interface Remembered {
  recent: Map<string, string>
  older: Map<string, string>
}

/** By key, and gone with it. */
const known = new WeakMap<Buffer, Remembered>()

/** HMAC-SHA-256 of a text under a key, base64url. */
export function keyedHmac(key: Buffer, text: string): string {
  if (text.length > MAX_REMEMBERED_LENGTH) return compute(key, text)
  const { recent, older } = rememberedOf(key)
  const found = recent.get(text)
  if (found !== undefined) return found
  const result = older.get(text) ?? compute(key, text)
  if (recent.size >= MAX_REMEMBERED) known.set(key, { recent: new Map([[text, result]]), older: recent })
  else recent.set(text, result)
  return result
}

function rememberedOf(key: Buffer): Remembered {
  const found = known.get(key)
  if (found !== undefined) return found
  const remembered = { recent: new Map<string, string>(), older: new Map<string, string>() }
  known.set(key, remembered)
  return remembered
}

function compute(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}
