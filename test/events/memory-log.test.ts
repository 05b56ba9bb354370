// The in-memory event log of the tests keeps the contract too: what is proved on it holds for the real ones.

import { describeEventLog } from '../contract/event-log.ts'
import type { EventLogStorage } from '../support/event-log-bench.ts'
import { Gate } from '../support/gate.ts'
import { MemoryLog, MemoryStorage } from '../support/memory-log.ts'

describeEventLog({ name: 'memory', patienceMs: 2_000, createStorage })

async function createStorage(): Promise<EventLogStorage> {
  const storage = new MemoryStorage()
  const gate = new Gate()
  return {
    open: async () => new MemoryLog({ storage, fault: () => gate.pass().then(() => 'none') }),
    freeze: async () => gate.close(),
    thaw: async () => gate.open(),
    remove: async () => gate.open(),
  }
}
