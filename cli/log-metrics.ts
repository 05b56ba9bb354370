// What the Merkle log says of itself in Prometheus' terms: how far it goes, and how far witnesses have cosigned it.
import { Gauge, type Registry } from 'prom-client'
import type { RunningMerkleLog } from './merkle-log.ts'

/** Registers the metrics of a log; they are read when they are asked for. */
export function registerLogMetrics(registry: Registry, { sequencer, cosigning }: RunningMerkleLog): void {
  const registers = [registry]
  new Gauge({
    name: 'toolwarden_log_leaves',
    help: 'Leaves of the published Merkle log.',
    registers,
    collect() {
      this.set(sequencer.status.size)
    },
  })
  if (cosigning === undefined) return
  new Gauge({
    name: 'toolwarden_log_witnessed_leaves',
    help: 'Leaves of the last Merkle log that a quorum of witnesses cosigned.',
    registers,
    collect() {
      this.set(cosigning.status.size)
    },
  })
  new Gauge({
    name: 'toolwarden_log_quorum_missing',
    help: '1 while the last checkpoint lacks its quorum, or a witness saw another history.',
    registers,
    collect() {
      this.set(cosigning.status.problem === undefined ? 0 : 1)
    },
  })
  new Gauge({
    name: 'toolwarden_log_witness_cosigned_seconds',
    help: 'When each witness cosigned last, by its own clock, in seconds since 1970.',
    labelNames: ['witness'],
    registers,
    collect() {
      for (const { name, timestampSeconds = 0 } of cosigning.status.witnesses)
        this.set({ witness: name }, timestampSeconds)
    },
  })
}
