// The domain constraint: every host that the call names must be listed under `allowedDomains` and not under
// `deniedDomains`. Private, loopback and link-local hosts count as listed only by name, never by `*`.
// Not covered: what a listed name resolves to (DNS rebinding), and redirects that the server follows.

import type { ArgumentText } from './arguments.ts'
import { isUnder } from './arguments.ts'
import { listHostArguments } from './host-arguments.ts'
import type { AllowedHost } from './hosts.ts'
import { isDenied, isListed } from './hosts.ts'

/** Most hosts looked at in one call. */
export const maxHostArguments = 1024
/** Most characters of strings that may name a host, in one call. */
export const maxHostTotalCharacters = 131_072

/** What the domain constraint of a rule asks for. */
export interface DomainRules {
  readonly allowedDomains: readonly AllowedHost[] | undefined
  readonly deniedDomains: readonly AllowedHost[] | undefined
  readonly notDomains: readonly (readonly string[])[]
}

/** Says why the arguments break the domain constraint, without quoting them; undefined where it holds. */
export function findDomainProblem(
  texts: readonly ArgumentText[],
  rules: DomainRules,
  keys: ReadonlySet<string>,
): string | undefined {
  let hosts = 0
  let characters = 0
  for (const text of texts) {
    if (isUnder(text.keys, rules.notDomains)) continue
    const named = listHostArguments(text, keys)
    if (named.length === 0) continue
    hosts += named.length
    characters += text.text.length
    if (hosts > maxHostArguments || characters > maxHostTotalCharacters)
      return 'the call names more hosts than can be checked'
    for (const argument of named) {
      if ('problem' in argument) return `a host argument ${argument.problem}`
      if (rules.deniedDomains !== undefined && isDenied(argument.host, argument.port, rules.deniedDomains))
        return 'a host argument is a denied domain'
      if (rules.allowedDomains === undefined || isListed(argument.host, argument.port, rules.allowedDomains)) continue
      const kind = argument.host.isPrivate
        ? 'is a private address or name and is not listed'
        : 'is not among the allowed domains'
      return `a host argument ${kind}`
    }
  }
  return hosts === 0 && rules.allowedDomains !== undefined
    ? 'the call names no host, and the rule asks for one'
    : undefined
}
