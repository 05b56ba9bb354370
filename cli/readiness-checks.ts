// What /readyz asks of the roles that run in this process.
import type { ReadinessCheck } from '../api/health.ts'
import type { RunningDetectors } from '../detectors/start.ts'
import type { Ingest } from '../ledger/ingest.ts'
import type { RunningMerkleLog } from './merkle-log.ts'

/** The roles that are asked; absent ones are not. */
export interface CheckedRoles {
  readonly ingest: Ingest | undefined
  readonly merkleLog: RunningMerkleLog | undefined
  readonly detectors: RunningDetectors | undefined
}

/** The checks of the roles that run here. */
export function readinessChecks({ ingest, merkleLog, detectors }: CheckedRoles): readonly ReadinessCheck[] {
  return [
    ...(ingest === undefined ? [] : ledgerChecks(ingest)),
    ...(merkleLog === undefined
      ? []
      : [
          { name: 'merkle log', findProblem: () => merkleLog.sequencer.status.waitingFor?.message },
          // The log goes on without its witnesses, and so does the API.
          { name: 'witnesses', isAdvisory: true, findProblem: () => merkleLog.cosigning?.status.problem },
        ]),
    ...(detectors === undefined
      ? []
      : [
          {
            name: 'detectors',
            findProblem: () =>
              detectors.stats().state === 'live' ? undefined : `the detectors are ${detectors.stats().state}`,
          },
        ]),
  ]
}

function ledgerChecks(ingest: Ingest): readonly ReadinessCheck[] {
  const behind = 'what stood in the log at the start is not all stored yet'
  return [
    { name: 'ledger', findProblem: () => ingest.status.waitingFor?.message },
    // What is stored can be read meanwhile.
    {
      name: 'ledger is caught up',
      isAdvisory: true,
      findProblem: () => (ingest.status.isCaughtUp ? undefined : behind),
    },
  ]
}
