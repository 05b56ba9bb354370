// What the detectors say of themselves in Prometheus' terms; read when it is asked for. docs/metrics.md lists them.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { RunningDetectors } from '../detectors/start.ts'

/** Registers the metrics of running detectors. */
export function registerDetectorMetrics(registry: Registry, detectors: Pick<RunningDetectors, 'figures'>): void {
  registerProgress(registry, detectors)
  registerFindings(registry, detectors)
  registerState(registry, detectors)
}

type Measured = Pick<RunningDetectors, 'figures'>

function registerProgress(registry: Registry, detectors: Measured): void {
  const registers = [registry]
  new Counter({
    name: 'toolwarden_detectors_events_total',
    help: 'Events that were judged since the start.',
    registers,
    collect() {
      this.reset()
      this.inc(detectors.figures().events)
    },
  })
  new Counter({
    name: 'toolwarden_detectors_unverified_total',
    help: 'Records that were not acted on since the start: forged, damaged, forked.',
    registers,
    collect() {
      this.reset()
      this.inc(detectors.figures().unverified)
    },
  })
  new Gauge({
    name: 'toolwarden_detectors_lag_seconds',
    help: 'How old the newest record was when it was judged last.',
    registers,
    collect() {
      this.set(detectors.figures().lagMs / 1000)
    },
  })
  new Gauge({
    name: 'toolwarden_detectors_taken_seconds',
    help: 'When records were judged last, in seconds since 1970; 0 before the first.',
    registers,
    collect() {
      this.set(detectors.figures().takenMs / 1000)
    },
  })
  new Gauge({
    name: 'toolwarden_detectors_live',
    help: '1 while the detectors judge what comes and publish what they find.',
    registers,
    collect() {
      this.set(detectors.figures().state === 'live' ? 1 : 0)
    },
  })
}

function registerFindings(registry: Registry, detectors: Measured): void {
  const registers = [registry]
  new Counter({
    name: 'toolwarden_detectors_alerts_total',
    help: 'Alerts that were published since the start.',
    labelNames: ['detector', 'severity'],
    registers,
    collect() {
      this.reset()
      for (const published of detectors.figures().published)
        if (published.type === 'alert')
          this.inc({ detector: published.detector, severity: published.severity }, published.count)
    },
  })
  new Counter({
    name: 'toolwarden_detectors_rules_total',
    help: 'Rules that were published since the start, armed ones with them.',
    labelNames: ['detector', 'action'],
    registers,
    collect() {
      this.reset()
      for (const published of detectors.figures().published)
        if (published.type === 'rule')
          this.inc({ detector: published.detector, action: published.action }, published.count)
    },
  })
  new Gauge({
    name: 'toolwarden_detectors_unpublished',
    help: 'What was found and is not in the log yet.',
    registers,
    collect() {
      this.set(detectors.figures().waiting)
    },
  })
}

function registerState(registry: Registry, detectors: Measured): void {
  const registers = [registry]
  new Gauge({
    name: 'toolwarden_rules_in_force',
    help: "Adaptive rules in force, operators' with them.",
    labelNames: ['action'],
    registers,
    collect() {
      const rulesInForce = detectors.figures().rulesInForce()
      for (const action of ['deny', 'escalate'] as const)
        this.set({ action }, rulesInForce.filter((rule) => rule.action === action).length)
    },
  })
  new Gauge({
    name: 'toolwarden_detectors_isolated',
    help: '1 for each detector that is switched off since it failed.',
    labelNames: ['detector'],
    registers,
    collect() {
      this.reset()
      for (const detector of detectors.figures().isolated) this.set({ detector }, 1)
    },
  })
  new Gauge({
    name: 'toolwarden_detectors_state_bytes',
    help: "Size of the newest snapshot of the detectors' state; 0 before the first.",
    registers,
    collect() {
      this.set(detectors.figures().stateBytes)
    },
  })
}
