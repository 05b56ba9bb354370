// The lock of a role on a data directory: one process has it, and what must not meet that role takes it meanwhile.
import { join } from 'node:path'
import { type DirectoryLock, lockDirectory } from '../events/directory-lock.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { Config } from './config.ts'

/** A role that runs behind the gateways. */
export type ServiceRole = 'ledger' | 'detectors' | 'api'

/** Takes the lock. Throws DATA_LOCKED where another process has it. */
export function lockRole(config: Config, role: ServiceRole): DirectoryLock {
  try {
    return lockDirectory(join(config.data, 'run', role))
  } catch (cause) {
    if (!(cause instanceof ToolwardenError) || cause.code !== 'STORE_LOCKED') throw cause
    throw new ToolwardenError('DATA_LOCKED', `${role} already runs on this data directory (${cause.message})`, {
      where: config.data,
      fix: 'stop it first, or choose another directory with TOOLWARDEN_DATA',
      cause,
    })
  }
}
