// Makes of what the verifiers say a class and a position that are the same in every run: no ids, hashes or directories.
import { ToolwardenError } from '../../events/errors.ts'
import type { Violation } from '../../ledger/verify-report.ts'
import type { Sighting } from './attack-case.ts'

const UUID = /\/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g
const HASH = /\b[0-9a-f]{64}\b/g

/** The violations of a report: event by writer and sequence number, anything else by its own position. */
export function sightingsOf(violations: readonly Violation[]): readonly Sighting[] {
  return violations.map(({ code, chain, sequence, position = 'its hash' }) => ({
    class: code,
    position: chain !== '' && sequence !== undefined ? `${placeText(chain)} ${sequence}` : placeText(position),
  }))
}

/** What work refuses, as a class and its message; none where it does not. */
export async function refusalOf(work: () => Promise<unknown>): Promise<readonly Sighting[]> {
  try {
    await work()
    return []
  } catch (error) {
    if (!(error instanceof ToolwardenError)) throw error
    return [{ class: error.code, position: placeText(error.message) }]
  }
}

/** A position, or a message that names one, without what differs from run to run. */
export function placeText(text: string): string {
  const [said = ''] = text.replaceAll(UUID, '').replaceAll(HASH, '…').split(' (signed: ')
  return said.replace(/^.*\/tlog(?=\/|$)/, 'tlog')
}
