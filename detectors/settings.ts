// The `detectors:` part of toolwarden.yaml: thresholds, lifetimes and limits, each with the default that works.
import { z } from 'zod'
import { TOOL_CLASSES } from '../events/tool-class.ts'

const count = z.number().int().positive()

/** How a baseline learns and when it judges (baseline.ts). */
const baseline = {
  matureSessions: count.default(100),
  matureDays: count.default(3),
  windowDays: count.default(30),
  /** Terms that one principal may teach a mature baseline in an hour. */
  termsPerHour: count.default(1),
}

/** Agents obey at once: after so many further calls a value counts no longer, unless the session is suspect (D9). */
const fresh = { freshCalls: count.max(1_000).default(3) }

/** The form of the detectors' configuration. */
export const detectorSettings = z.strictObject({
  readSpike: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Distinct objects that a session may read. Of 899 benign sessions the most had 16, 99.9% had 15 or fewer. */
      distinctReads: count.default(15),
      ruleMinutes: count.max(60).default(10),
      /** What happens while the principal's own history is young; the threshold above does not depend on it. */
      immatureAction: z.enum(['deny', 'escalate']).default('deny'),
      matureSessions: count.default(100),
      matureDays: count.default(3),
    })
    .prefault({}),
  readVolume: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Results of a session that are smaller together raise nothing, whatever is usual; bytes. */
      floorBytes: count.default(1024 * 1024),
      ruleMinutes: count.max(60).default(10),
      matureSessions: count.default(100),
      matureDays: count.default(3),
    })
    .prefault({}),
  sensitiveSweep: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Distinct objects of tools that `classes` calls sensitive, within a minute. */
      distinctReads: count.max(100).default(10),
      ruleMinutes: count.max(60).default(10),
    })
    .prefault({}),
  slowDrip: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Ten-minute windows with a new object, beyond what is usual, that add up to an alert. */
      windows: count.max(1_000).default(40),
    })
    .prefault({}),
  toolDefinition: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** What happens to calls of a tool whose definition changed, until an operator approves it. */
      onChanged: z.enum(['deny', 'escalate', 'alert']).default('deny'),
      /** What happens to calls of a new tool that can be taken for another server's. */
      onShadowing: z.enum(['deny', 'escalate', 'alert']).default('escalate'),
    })
    .prefault({}),
  firstSeenTool: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** A tool not used for this long is new again. */
      windowDays: count.default(7),
      matureSessions: count.default(100),
      matureDays: count.default(3),
      /** What happens to calls of a server that a mature principal never used. */
      newServer: z.enum(['escalate', 'alert']).default('escalate'),
      ruleMinutes: count.max(60).default(10),
    })
    .prefault({}),
  taintedDestination: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Taken from one result: more would let a result bind whatever it likes. */
      destinationsPerResult: count.max(20).default(5),
      /** Denied only where a result named at most so many new ones. */
      deniedPerResult: count.max(20).default(5),
      /** Denied where this share of the session's steps, and of the destinations that it used, is known; else escalated. */
      familiarThousandths: count.max(1000).default(700),
      ...fresh,
      /** Whether a destination is held too that the session came to by following what an earlier result named. */
      heldLeads: z.boolean().default(false),
      ruleMinutes: count.max(60).default(30),
      ...baseline,
    })
    .prefault({}),
  copiedValue: z
    .strictObject({
      enabled: z.boolean().default(true),
      ruleMinutes: count.max(60).default(30),
      /** Flows (source server, tool, argument) that one principal may teach a mature baseline in an hour. */
      flowsPerHour: count.default(10),
      ...fresh,
      ...baseline,
      termsPerHour: count.default(10),
    })
    .prefault({}),
  instructionMarkers: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Phrases that address an agent, from which on a result counts as addressing one. */
      perResult: count.max(99).default(1),
    })
    .prefault({}),
  rareWrite: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** A destructive tool that a smaller share of the sessions used is rare. */
      rareThousandths: count.max(1000).default(20),
      ruleMinutes: count.max(60).default(60),
      matureSessions: count.default(100),
      matureDays: count.default(3),
    })
    .prefault({}),
  secretEgress: z
    .strictObject({ enabled: z.boolean().default(true), ruleMinutes: count.max(60).default(60) })
    .prefault({}),
  probing: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Denied calls of a session, over at least so many tools. */
      denials: count.max(50).default(3),
      deniedTools: count.max(50).default(2),
      /** The same call with the same arguments. */
      identicalCalls: count.default(7),
      errors: count.max(50).default(7),
      /** Errors are muted while more principals than this fail on a server. */
      outagePrincipals: count.default(3),
      /** Whether denials pause the writes of the session. Alert, unless told: who writes a policy meets three denials a minute. */
      onDenials: z.enum(['deny', 'alert']).default('alert'),
      ruleMinutes: count.max(60).default(15),
    })
    .prefault({}),
  /** What is known of servers and tools; `*` stands for every tool of the server. The first entry that fits counts. */
  classes: z
    .array(
      z.strictObject({
        server: z.string().min(1),
        tool: z.string().min(1).default('*'),
        /** What it does, whatever its name and the server's hints say. */
        class: z.enum(TOOL_CLASSES).optional(),
        trust: z.enum(['trusted', 'untrusted']).default('untrusted'),
        /** What its reads return is sensitive: customers, patients, keys. */
        sensitive: z.boolean().default(false),
      }),
    )
    .max(1_000)
    .default([]),
  integrity: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** How long a gap in a chain may stay open. */
      gapSeconds: count.default(30),
      ruleMinutes: count.max(60).default(15),
    })
    .prefault({}),
  feedback: z
    .strictObject({
      /** One alert for one (detector, subject, principal) in this time. */
      repeatMinutes: count.default(60),
      /** Live rules of one principal; the last of them escalates all its writes. */
      rulesPerPrincipal: count.min(2).max(20).default(20),
      /** Automatic denial of one principal in 24 hours; beyond it a person decides. */
      denyMinutesPerDay: count.default(30),
      /** How long a lifted rule stays away. */
      liftedHours: count.default(24),
      /** Alerts of one detector in an hour that carry no rule; the rest are folded into one. */
      alertsPerHour: count.default(200),
    })
    .prefault({}),
  snapshot: z.strictObject({ everyEvents: count.default(5_000), everySeconds: count.default(10) }).prefault({}),
})

/** The detectors' configuration, with all defaults filled in. */
export type DetectorSettings = z.infer<typeof detectorSettings>
