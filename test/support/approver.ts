// A person with the API's key beside a gateway, without an API: answers what was asked, over the gateway's own log.

import { ChainWriter } from '../../events/chain-writer.ts'
import { toControlRecord } from '../../events/control-record.ts'
import type { EventOf } from '../../events/event.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { APPEND_DEADLINE_MS, type EventLog } from '../../events/log.ts'
import { systemClock } from '../../events/time.ts'
import { Trust } from '../../events/trust.ts'

/** Answers approvals. */
export class Approver {
  readonly #key: KeyPair
  #revision = 0
  #writer: ChainWriter | undefined

  /** With the API's key, or with a new one that a gateway is made to trust. */
  constructor(key: KeyPair = generateKey()) {
    this.#key = key
  }

  /** What a gateway must trust to honour the answers. */
  get trust(): Trust {
    return new Trust([{ writer: 'api/*', key: this.#key.publicKey.toString('base64url') }])
  }

  /** Publishes an answer to a question of a ledger of this name. */
  async answer(
    asked: EventOf<'approval/requested'>,
    verdict: EventOf<'approval/verdict'>['verdict'],
    eventLog: EventLog,
  ): Promise<void> {
    const { approval, argumentsDigest, policy, principal, server, tool, expiresAt, log } = asked
    const opening = { software: 'test', configuration: '0'.repeat(64) }
    this.#writer ??= new ChainWriter({
      ...{ eventLog, clock: systemClock(), log, writer: 'api/main', key: this.#key, opening },
    })
    const bound = { approval, argumentsDigest, policy, principal, server, tool, expiresAt }
    const by = { by: 'user:ann', via: 'token 1', reason: 'looks right', revision: ++this.#revision }
    const draft = { type: 'approval/verdict', verdict, ...bound, ...by } as const
    const record = toControlRecord(await this.#writer.append([{ draft }], { last: true }))
    await eventLog.append('control', [record], { deadlineMs: APPEND_DEADLINE_MS, chain: this.#writer.chain })
  }

  /** Ends the person's own chain. */
  async close(): Promise<void> {
    await this.#writer?.close()
  }
}
