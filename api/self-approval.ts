// Whoever proposes can't approve: no agent answers at all, and nobody answers for an agent of their own. Pure.

/** Why someone may not answer for a principal; undefined where they may. */
export function findSelfApproval(
  subject: string,
  principal: string,
  owners: Readonly<Record<string, readonly string[]>>,
): string | undefined {
  if (subject.startsWith('agent:')) return 'an agent proposes and does not approve'
  if (subject === principal) return 'whoever proposes a call can not approve it'
  const isOwn = Object.entries(owners).some(
    ([pattern, people]) => covers(pattern, principal) && people.includes(subject),
  )
  return isOwn ? `${principal} is an agent of ${subject}, who can not approve its calls` : undefined
}

function covers(pattern: string, principal: string): boolean {
  return pattern.endsWith('*') ? principal.startsWith(pattern.slice(0, -1)) : pattern === principal
}
