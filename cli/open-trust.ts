// Whom this process believes: the installation's own writers and those of its configuration, and whose word revokes.
import { Trust } from '../events/trust.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'

/** Puts both together. Throws KEY_INVALID for a key that anybody can sign for. */
export function openTrust(config: Config, installation: Installation): Trust {
  const own = installation.enrolment === undefined ? [] : [installation.enrolment]
  return new Trust([...installation.trust, ...config.trust], { enrolment: [...own, ...config.enrolment] })
}
