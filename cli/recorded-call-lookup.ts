// One recorded call by its id, for commands that look at a single one.
import { ToolwardenError } from '../events/errors.ts'
import type { RecordedCall } from '../ledger/recorded-call.ts'
import { type HistoryFlags, openRecordedCalls } from './recorded-calls.ts'

/** The call of an id. Throws USAGE where the history has none, and what reading it throws. */
export async function findRecordedCall(id: string, flags: HistoryFlags): Promise<RecordedCall> {
  const history = await openRecordedCalls(flags)
  for await (const calls of history.batches) {
    const found = calls.find(({ call }) => call === id)
    if (found !== undefined) return found
  }
  throw new ToolwardenError('USAGE', `no call ${JSON.stringify(id)} is recorded in ${history.where}`, {
    where: '--id',
    fix: 'GET /v1/calls lists calls with their ids; --history names files of recorded calls',
  })
}
