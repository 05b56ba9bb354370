// The embedded event log under the contract of all event logs; its own ways to fail are in the file-log-*.test.ts files.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileLog } from '../../events/file-log.ts'
import { describeEventLog } from '../contract/event-log.ts'
import type { EventLogStorage } from '../support/event-log-bench.ts'
import { Gate } from '../support/gate.ts'

describeEventLog({ name: 'files', patienceMs: 5_000, createStorage })

async function createStorage(): Promise<EventLogStorage> {
  const root = await mkdtemp(join(tmpdir(), 'toolwarden-log-'))
  const gate = new Gate()
  return {
    open: async () => new FileLog({ root, fault: (step) => (step === 'sync' ? gate.pass() : undefined) }),
    freeze: async () => gate.close(),
    thaw: async () => gate.open(),
    remove: async () => rm(root, { recursive: true, force: true }),
  }
}
