// What a failure of ClickHouse or of the way to it means for the ledger: wait and repeat, or a person has to act.
import { systemCode, ToolwardenError } from '../events/errors.ts'

/** ClickHouse's error codes that no repetition cures, and what to do (src/Common/ErrorCodes.cpp). */
const LASTING: Readonly<Record<string, string>> = {
  '16': 'restore the tables, or choose another database: a column is missing',
  '26': 'report this with the SQL of the cause: a value was not understood',
  '27': 'report this with the SQL of the cause: a value was not understood',
  '36': 'report this with the SQL of the cause: bad arguments',
  '46': 'use ClickHouse 25.8 or newer',
  '47': 'restore the tables, or choose another database: a column is missing',
  '60': 'restore the tables from a backup, or choose another database',
  '62': 'use ClickHouse 25.8 or newer',
  '81': 'create the database, or name another one',
  '115': 'use ClickHouse 25.8 or newer',
  '164': 'give this user the right to write',
  '192': 'check the user name',
  '193': 'check the password',
  '497': 'grant this user the rights on the database',
  '516': 'check the user name and the password',
}

/** Wraps whatever @clickhouse/client or chDB threw. STORE_UNAVAILABLE is retriable, STORE_INVALID is not. */
export function storeError(cause: unknown, where: string): ToolwardenError {
  if (cause instanceof ToolwardenError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  // Not `instanceof ClickHouseError`: chDB throws the class of another copy of the client.
  const code = systemCode(cause)
  const fix = code === undefined ? undefined : LASTING[code]
  if (fix !== undefined)
    return new ToolwardenError('STORE_INVALID', `ClickHouse refused (code ${code}): ${firstLine(message)}`, {
      where,
      fix,
      cause,
    })
  return new ToolwardenError('STORE_UNAVAILABLE', `the store does not answer: ${firstLine(message) || code}`, {
    where,
    retriable: true,
    fix: 'check that ClickHouse runs and has free disk and memory; the ledger goes on by itself',
    cause,
  })
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').slice(0, 400)
}
