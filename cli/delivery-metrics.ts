// What the telling of alerts says of itself in Prometheus' terms; read when it is asked for. docs/metrics.md lists them.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { AlertDelivery, LaneStats } from '../detectors/delivery/delivery.ts'

interface Figure {
  readonly name: string
  readonly help: string
  readonly of: (lane: LaneStats) => number
}

const COUNTERS: readonly Figure[] = [
  {
    name: 'toolwarden_delivery_sent_total',
    help: 'Notices that a destination took since the start.',
    of: ({ delivered }) => delivered,
  },
  {
    name: 'toolwarden_delivery_retries_total',
    help: 'Attempts that failed since the start and are made again.',
    of: ({ retried }) => retried,
  },
  {
    name: 'toolwarden_delivery_dead_letters_total',
    help: 'Notices that were given up since the start.',
    of: ({ dead }) => dead,
  },
]

const GAUGES: readonly Figure[] = [
  {
    name: 'toolwarden_delivery_waiting',
    help: 'Notices that wait for a destination.',
    of: ({ waiting }) => waiting,
  },
  {
    name: 'toolwarden_delivery_oldest_waiting_seconds',
    help: 'How long ago the oldest of them happened; 0 when none waits.',
    of: ({ oldestWaitingMs }) => oldestWaitingMs / 1000,
  },
  {
    name: 'toolwarden_delivery_last_success_seconds',
    help: 'When a destination took a notice last, in seconds since 1970; 0 before the first since the start.',
    of: ({ lastDeliveredMs = 0 }) => lastDeliveredMs / 1000,
  },
]

/** Registers the metrics of each destination. */
export function registerDeliveryMetrics(registry: Registry, delivery: Pick<AlertDelivery, 'stats'>): void {
  const labelled = { labelNames: ['destination'], registers: [registry] }
  for (const { name, help, of } of COUNTERS)
    new Counter({
      ...{ name, help, ...labelled },
      collect() {
        this.reset()
        for (const lane of delivery.stats()) this.inc({ destination: lane.destination }, of(lane))
      },
    })
  for (const { name, help, of } of GAUGES)
    new Gauge({
      ...{ name, help, ...labelled },
      collect() {
        for (const lane of delivery.stats()) this.set({ destination: lane.destination }, of(lane))
      },
    })
}
