// Name and version of this program, as package.json has them.
import { readFileSync } from 'node:fs'

/** `toolwarden/<version>`. */
export function softwareName(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { name, version } = JSON.parse(text) as { readonly name: string; readonly version: string }
  return `${name}/${version}`
}
