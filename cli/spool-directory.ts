// Where the gateways of an installation keep what the event log does not take.
import { join } from 'node:path'
import type { Config } from './config.ts'

/** The directory of all spools. */
export function spoolDirectory({ data, gateway }: Pick<Config, 'data' | 'gateway'>): string {
  return gateway.spool.directory ?? join(data, 'spool')
}
