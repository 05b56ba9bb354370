// Where the detectors keep what they have seen.
import { join } from 'node:path'
import type { Config } from './config.ts'

/** The directory of their snapshot. */
export function detectorsDirectory({ data }: Pick<Config, 'data'>): string {
  return join(data, 'detectors')
}
