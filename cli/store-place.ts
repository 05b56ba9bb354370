// Where the ledger's store is: chDB in the data directory, or the ClickHouse server of the configuration.
import { join } from 'node:path'
import { ToolwardenError } from '../events/errors.ts'
import type { ClickHouseSettings } from '../ledger/clickhouse-connection.ts'
import type { Config } from './config.ts'

/** The store's settings for a process that is the only one of the data directory. */
export function storeSettings(config: Config): ClickHouseSettings {
  return config.clickhouse ?? { directory: join(config.data, 'store') }
}

/** The store's settings for a role that runs apart. Throws CONFIG_INVALID without a server: chDB belongs to one process. */
export function sharedStoreSettings(config: Config, role: 'ledger' | 'api'): ClickHouseSettings {
  if (config.clickhouse !== undefined) return config.clickhouse
  throw new ToolwardenError(
    'CONFIG_INVALID',
    `${role} as a process of its own needs a ClickHouse server: chDB's directory belongs to one process`,
    {
      fix: 'set CLICKHOUSE_URL, or run `toolwarden up`, which is all roles in one process',
    },
  )
}
