// How an accepted policy is named on `control`; apart from the records for the same reason as pin-subject.ts.

/** The subject of an accepted policy of a server. */
export function policySubject(server: string, policy: string): string {
  return `policy/${encodeURIComponent(server)}/${policy}`
}
