// The run of an API that revokes the gateways' key, proven by an enrolment key.
import { enrol } from '../../events/enrolment.ts'
import type { KeyPair } from '../../events/keys.ts'
import { TEST_LOG } from './ledger-harness.ts'
import { RunBuilder } from './run-builder.ts'

/** Who says it, of whom, and who vouches for it. */
export interface RevokingKeys {
  readonly api: KeyPair
  readonly gateway: KeyPair
  readonly enrolment: KeyPair
}

/** Its events: `writer/open` and the revocation. */
export function buildRevokingRun({ api, gateway, enrolment }: RevokingKeys): RunBuilder {
  const run = new RunBuilder({ seed: 99, key: api, writer: 'api/main' })
  run.open()
  const holder = 'gateway/*'
  const publicKey = gateway.publicKey.toString('base64url')
  const proof = enrol(enrolment, { kind: 'revoked', log: TEST_LOG, holder, publicKey })
  const what = { revision: 1, holder, publicKey, enrolment: proof, by: 'user:me' } as const
  run.draft({ type: 'key/revoked', ...what, cause: 'compromised', reason: 'stolen' })
  return run
}
