// Claims on a ClickHouse server. It has no compare-and-set of rows, but one of names: renaming a column of an empty table
// fails where the column is gone, changes of a table happen one after the other (through Keeper in a cluster) and are synced.
// So the register is the name of a column, `claim_<key>_<size>_<root>`. Measured on chDB: 5 ms.
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { type Claim, type Claims, isSameClaim } from './claims.ts'
import type { ClickHouseSession } from './clickhouse-connection.ts'
import { consistentSql } from './clickhouse-sql.ts'

/** The table of the register, made with all others; `anchor` only carries it. */
export const SEQUENCER_TABLE = `CREATE TABLE IF NOT EXISTS sequencer (anchor UInt8, unclaimed UInt8)
ENGINE = MergeTree ORDER BY anchor`

const UNCLAIMED = 'unclaimed'
/** NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, DUPLICATE_COLUMN (src/Common/ErrorCodes.cpp). */
const LOST_CODES: ReadonlySet<string> = new Set(['10', '16', '15'])

/** The register of one database. */
export class ClickHouseClaims implements Claims {
  readonly #session: ClickHouseSession
  readonly #where: string

  constructor(session: ClickHouseSession, where: string) {
    this.#session = session
    this.#where = where
  }

  async findClaim(): Promise<Claim | undefined> {
    const rows = await this.#session.select<{ name: string }>(
      consistentSql(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'sequencer' AND name != 'anchor'",
      ),
      {},
    )
    const [name] = rows.map((row) => row.name)
    if (rows.length === 1 && name === UNCLAIMED) return undefined
    const claim = rows.length === 1 && name !== undefined ? parseColumn(name) : undefined
    if (claim !== undefined) return claim
    throw new ToolwardenError('STORE_INVALID', 'the table `sequencer` was changed by somebody else', {
      where: this.#where,
      fix: 'restore it from a backup: its one column beside `anchor` says what the sequencer claimed last',
    })
  }

  async replaceClaim(expected: Claim | undefined, next: Claim): Promise<boolean> {
    const from = expected === undefined ? UNCLAIMED : columnOf(expected)
    try {
      await this.#session.command(`ALTER TABLE sequencer RENAME COLUMN ${from} TO ${columnOf(next)}`)
      return true
    } catch (error) {
      if (!isLost(error)) throw error
      return isSameClaim(await this.findClaim(), next)
    }
  }
}

function columnOf({ key, size, root }: Claim): string {
  return `claim_${key}_${size}_${root}`
}

function parseColumn(name: string): Claim | undefined {
  const [, key, size, root] = /^claim_([0-9a-f]{16})_(\d{1,15})_([0-9a-f]{64})$/.exec(name) ?? []
  return key === undefined || root === undefined ? undefined : { key, size: Number(size), root }
}

function isLost(error: unknown): boolean {
  return error instanceof ToolwardenError && LOST_CODES.has(systemCode(error.cause) ?? '')
}
