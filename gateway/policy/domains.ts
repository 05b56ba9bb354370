// The domain constraint: every host that the call names must be listed under `allowedDomains` and not under
// `deniedDomains`. Private, loopback and link-local hosts count as listed only by name, never by `*`.
// Not covered: what a listed name resolves to (DNS rebinding), and redirects that the server follows.

import type { ArgumentText } from './arguments.ts'
import { isUnder, rememberNaming } from './arguments.ts'
import type { NamedHost } from './host-arguments.ts'
import { listHostArguments } from './host-arguments.ts'
import type { AllowedHost } from './hosts.ts'
import { isDenied, isListed } from './hosts.ts'

/** Most hosts looked at in one call. */
const MAX_HOST_ARGUMENTS = 1024
/** Most characters, in all readings, of the strings of one call that may name a host. */
const MAX_HOST_TOTAL_CHARACTERS = 32_768

/** What the domain constraint of a rule asks for. */
export interface DomainRules {
  readonly allowedDomains: readonly AllowedHost[] | undefined
  readonly deniedDomains: readonly AllowedHost[] | undefined
  readonly notDomains: readonly (readonly string[])[]
}

/** What is known beside the arguments. */
export interface DomainFacts {
  readonly hostKeys: ReadonlySet<string>
  /** Told of each host that is checked, as it was read. */
  readonly onHost?: ((host: string, problem: string | undefined) => void) | undefined
}

/** Says why the arguments break the domain constraint, without quoting them; undefined where it holds. */
export function findDomainProblem(
  texts: readonly ArgumentText[],
  rules: DomainRules,
  { hostKeys, onHost }: DomainFacts,
): string | undefined {
  const isNamed = rememberNaming(hostKeys)
  const budget = { characters: MAX_HOST_TOTAL_CHARACTERS }
  let hosts = 0
  for (const text of texts) {
    if (isUnder(text.keys, rules.notDomains)) continue
    for (const argument of listHostArguments(text, isNamed(text.keys), budget)) {
      const problem = 'problem' in argument ? argument.problem : findHostProblem(argument, rules)
      onHost?.('problem' in argument ? text.text : argument.host.name, problem)
      if (problem !== undefined) return `a host argument ${problem}`
      hosts += 1
    }
    if (hosts > MAX_HOST_ARGUMENTS || budget.characters < 0) return 'the call names more hosts than can be checked'
  }
  return hosts === 0 && rules.allowedDomains !== undefined
    ? 'the call names no host, and the rule asks for one'
    : undefined
}

function findHostProblem({ host, port }: NamedHost, rules: DomainRules): string | undefined {
  if (rules.deniedDomains !== undefined && isDenied(host, port, rules.deniedDomains)) return 'is a denied domain'
  if (rules.allowedDomains === undefined || isListed(host, port, rules.allowedDomains)) return undefined
  return host.isPrivate ? 'is a private address or name and is not listed' : 'is not among the allowed domains'
}
