// Events of detectors, operators and the ledger: alerts, rules, approvals, switches, ingest findings, administration.
import { z } from 'zod'
import { enrolmentField, keyHolderField } from './enrolment-field.ts'
import { eventSchema } from './envelope.ts'
import { countField, hashField, nameField, publicKeyField, textField, timeField, uuidField } from './field.ts'
import { ruleObject } from './rule.ts'

const severityField = z.enum(['low', 'medium', 'high', 'critical'])
/** Grows with every change of one subject on `control`, so that a replayed older record is refused. */
const revisionField = z.number().int().positive()
const operatorContext = { by: nameField, reason: textField }
const chainContext = { chain: nameField, from: countField, to: countField, reason: textField }

/** Alerts and what became of them. `id` is a digest of (detector, subject, causes). */
export const alertEvents = [
  eventSchema('alert/raised', {
    alert: hashField,
    detector: nameField,
    severity: severityField,
    /** Thousandths. */
    score: countField,
    subject: textField,
    principal: nameField.optional(),
    session: nameField.optional(),
    server: nameField.optional(),
    tool: nameField.optional(),
    explanation: textField,
    causes: z.array(hashField).max(100),
    rule: hashField.optional(),
  }),
  eventSchema('alert/updated', { alert: hashField, state: z.enum(['acknowledged', 'closed']), ...operatorContext }),
] as const

/** Everything that reaches gateways over `control`. */
export const controlEvents = [
  eventSchema('rule/added', { revision: revisionField, rule: ruleObject }),
  eventSchema('rule/lifted', { revision: revisionField, rule: hashField, expiresAt: timeField, ...operatorContext }),
  eventSchema('approval/verdict', {
    revision: revisionField,
    approval: uuidField,
    verdict: z.enum(['approve', 'deny']),
    argumentsDigest: hashField,
    policy: hashField,
    principal: nameField,
    server: nameField,
    tool: nameField,
    expiresAt: timeField,
    /** How the answer came: `token <id>` of the API's. */
    via: nameField,
    ...operatorContext,
  }),
  eventSchema('switch/stopped', { revision: revisionField, scope: nameField, ...operatorContext }),
  eventSchema('switch/resumed', { revision: revisionField, scope: nameField, ...operatorContext }),
  eventSchema('pin/approved', {
    revision: revisionField,
    server: nameField,
    tool: nameField,
    digest: hashField,
    ...operatorContext,
  }),
  /** One change of one server's policy may take effect though it may allow more; another one needs its own. */
  eventSchema('policy/accepted', {
    revision: revisionField,
    server: nameField,
    policy: hashField,
    /** The policy that was in force; from another one the change is another. */
    replaces: hashField,
    expiresAt: timeField,
    ...operatorContext,
  }),
  /** From here on nothing that the key vouches for is honoured; what lies before stays. */
  eventSchema('key/revoked', {
    revision: revisionField,
    holder: keyHolderField,
    publicKey: publicKeyField,
    enrolment: enrolmentField,
    cause: z.enum(['rotated', 'compromised']),
    ...operatorContext,
  }),
] as const

/** What the ledger found while it ingested. */
export const ledgerEvents = [
  eventSchema('ledger/ingested', {
    topic: nameField,
    partition: nameField,
    from: countField,
    to: countField,
    events: countField,
    digest: hashField,
  }),
  eventSchema('ledger/gap', { ...chainContext }),
  eventSchema('ledger/gap-filled', { ...chainContext }),
  /** A run that neither beats nor closes; `from` and `to` are the last sequence number heard of it. */
  eventSchema('ledger/silent', { ...chainContext }),
  eventSchema('ledger/fork', { ...chainContext, stored: hashField, other: hashField }),
  eventSchema('ledger/quarantined', {
    partition: nameField,
    offset: countField,
    chain: textField,
    reason: textField,
    digest: hashField,
    bytes: countField,
    count: countField,
  }),
  /** Damaged rows were put aside and what the log still has was put in their place; `remaining` violations were left. */
  eventSchema('ledger/repaired', {
    repair: uuidField,
    replaced: countField,
    restored: countField,
    removed: countField,
    remaining: countField,
    /** SHA-256 over what was put into quarantine of it, one line a row: place and digest, sorted. */
    digest: hashField,
    ...operatorContext,
  }),
] as const

/** What an operator did. */
export const adminEvents = [
  eventSchema('key/registered', {
    holder: keyHolderField,
    publicKey: publicKeyField,
    /** Absent where a key was taken at first use. */
    enrolment: enrolmentField.optional(),
    ...operatorContext,
  }),
  eventSchema('access/granted', { subject: nameField, scopes: z.array(nameField), ...operatorContext }),
  eventSchema('access/revoked', { subject: nameField, ...operatorContext }),
  eventSchema('access/denied', { subject: nameField, ...operatorContext }),
  eventSchema('admin/erased', {
    erasure: uuidField,
    what: textField,
    payloads: countField,
    /** SHA-256 over the hashes of the events whose payloads go, sorted, one a line: it covers these and no others. */
    digest: hashField,
    ...operatorContext,
  }),
  /** A legal hold: what it names is not erased until it is released. */
  eventSchema('admin/held', {
    hold: uuidField,
    call: uuidField.optional(),
    session: nameField.optional(),
    principal: nameField.optional(),
    ...operatorContext,
  }),
  eventSchema('admin/released', { hold: uuidField, ...operatorContext }),
  /** What the verification in the background found, where that is not `valid`. */
  eventSchema('admin/verified', {
    verdict: z.enum(['tampered', 'incomplete']),
    events: countField,
    violations: countField,
    first: textField,
  }),
  eventSchema('admin/exported', { what: textField, events: countField, ...operatorContext }),
  /** What the ledger stored before a month's begin goes, as far as its leaf lies below `minIndex`; the hashes of the log stay. */
  eventSchema('admin/pruned', { what: textField, before: timeField, minIndex: countField, ...operatorContext }),
  eventSchema('admin/read-payload', { call: uuidField, ...operatorContext }),
] as const
