// What kind of trouble an alert speaks of, in the words of others: MITRE ATT&CK (Enterprise, v17) and the OWASP Top 10 for
// Agentic Applications (2026). It follows from the detector alone, so it is no field of the event, and can be corrected later.
// Also under which alerts are one group.
import { derivedId } from './time.ts'

/** A place in somebody's catalogue of attacks. */
export interface AlertTag {
  readonly scheme: 'mitre-attack' | 'owasp-agentic'
  /** `T1119`, or `ASI02`. */
  readonly id: string
  readonly name: string
}

const OWASP = {
  ASI01: 'Agent Goal Hijack',
  ASI02: 'Tool Misuse and Exploitation',
  ASI04: 'Agentic Supply Chain Vulnerabilities',
  ASI10: 'Rogue Agents',
} as const

const ATTACK = {
  T1070: 'Indicator Removal',
  T1078: 'Valid Accounts',
  T1119: 'Automated Collection',
  T1195: 'Supply Chain Compromise',
  T1485: 'Data Destruction',
  T1552: 'Unsecured Credentials',
  T1565: 'Data Manipulation',
  T1567: 'Exfiltration Over Web Service',
  TA0001: 'Initial Access',
  TA0007: 'Discovery',
} as const

type TagId = keyof typeof OWASP | keyof typeof ATTACK

/** By detector, the likeliest first. */
const TAGS: Readonly<Record<string, readonly TagId[]>> = {
  integrity: ['T1070', 'ASI10'],
  'tool-definition': ['T1195', 'ASI04'],
  'read-spike': ['T1119', 'ASI02'],
  'read-spike-origin': ['T1119', 'ASI02'],
  'slow-drip': ['T1119', 'ASI02'],
  'read-volume': ['T1119', 'ASI02'],
  'sensitive-sweep': ['T1119', 'ASI02'],
  'first-seen-tool': ['T1078', 'ASI02'],
  'tainted-destination': ['T1567', 'ASI01'],
  'copied-value': ['T1565', 'ASI01'],
  'rare-write': ['T1485', 'ASI02'],
  'secret-egress': ['T1567', 'T1552', 'ASI02'],
  probing: ['TA0007', 'ASI10'],
  'instruction-markers': ['TA0001', 'ASI01'],
  campaign: ['T1565', 'ASI01'],
}

/** The tags of a detector's alerts; none for a detector of a version that is not known here. */
export function tagsOf(detector: string): readonly AlertTag[] {
  if (!Object.hasOwn(TAGS, detector)) return []
  return (TAGS[detector] ?? []).map((id) => {
    if (id in OWASP) return { scheme: 'owasp-agentic', id, name: OWASP[id as keyof typeof OWASP] }
    return { scheme: 'mitre-attack', id, name: ATTACK[id as keyof typeof ATTACK] }
  })
}

/** What alerts have in common that say the same again: detector, subject and principal. */
export function alertGroupOf(alert: {
  readonly detector: string
  readonly subject: string
  readonly principal?: string | undefined
}): string {
  return derivedId('feedback', alert.detector, alert.subject, alert.principal ?? '')
}
