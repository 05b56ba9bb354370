// The roles of writers, and which types of events each may sign.

/** Role of a writer: the part of its name before the slash. */
export type Role = 'gateway' | 'detectors' | 'api' | 'ledger'

/** Which role may sign which types; an event signed by another role is refused everywhere. */
const TYPES_BY_ROLE: Readonly<Record<Role, readonly string[]>> = {
  gateway: [
    'writer/',
    'session/',
    'tools/',
    'request/',
    'authorization/',
    'policy/changed',
    'policy/refused',
    'policy/held',
    'control/refused',
    'approval/requested',
    'approval/elicited',
    'approval/withdrawn',
  ],
  detectors: ['writer/', 'alert/', 'rule/'],
  api: [
    'writer/',
    'alert/updated',
    'rule/',
    'approval/verdict',
    'policy/accepted',
    'switch/',
    'pin/',
    'key/',
    'access/',
    'admin/',
  ],
  ledger: ['writer/', 'ledger/'],
}

/** The role in a writer's name. */
export function roleOf(writer: string): Role {
  return writer.slice(0, writer.indexOf('/')) as Role
}

/** Whether a writer's role may sign events of a type. */
export function mayWrite(writer: string, type: string): boolean {
  return TYPES_BY_ROLE[roleOf(writer)].some((allowed) =>
    allowed.endsWith('/') ? type.startsWith(allowed) : type === allowed,
  )
}
