// What a tool is taken for: its class, whether its results may be trusted, and whether they are sensitive; a first guess for a
// person to correct, with where it comes from. Pure.
import { type ToolClass, type ToolHints, toolClassOf } from '../../events/tool-class.ts'

/** A guess. */
export interface SuggestedClass {
  readonly tool: string
  readonly class: ToolClass
  readonly trust: 'trusted' | 'untrusted'
  readonly isSensitive: boolean
  readonly from: 'name' | 'hints' | 'nothing'
  /** A read that takes an address of the caller's choice: what it asks for is carried there. */
  readonly reachesOut: boolean
}

/** A tool as its server describes it; its name alone where no more is known. */
export interface NamedTool {
  readonly name: string
  readonly hints?: ToolHints
  readonly arguments?: readonly string[]
}

/** Results that come from no one else's hand: clocks, counters, the server's own state. */
const OWN_WORDS = words('time date day now clock timezone uuid version ping health')
const SENSITIVE_WORDS = words(
  'credential credentials secret secrets password passwords key keys token tokens customer customers patient patients employee employees payroll salary medical',
)
const ADDRESS = /^(?:ur[il]s?|link|host|domain|endpoint|webhook)$|(?:_|-)ur[il]$|Ur[il]$/

/** The guess for a tool. A hint makes nothing harmless that its name does not, as when calls are judged. */
export function suggestClass({ name, hints = {}, arguments: names = [] }: NamedTool): SuggestedClass {
  const toolClass = toolClassOf(name, hints)
  const parts = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  const isRead = toolClass === 'read'
  const byName = toolClassOf(name)
  return {
    tool: name,
    class: toolClass,
    trust: isRead && names.length === 0 && OWN_WORDS.has(parts.at(-1) ?? '') ? 'trusted' : 'untrusted',
    isSensitive: isRead && parts.some((part) => SENSITIVE_WORDS.has(part)),
    from: byName !== toolClass ? 'hints' : byName === 'write' && !isWrite(parts) ? 'nothing' : 'name',
    reachesOut: isRead && names.some((each) => ADDRESS.test(each)),
  }
}

/** Where the guess comes from, for people. */
export function readOrigin({ from, reachesOut }: SuggestedClass): string {
  const out = reachesOut ? '; asks an address of the caller’s choice: egress, if what is asked may tell something' : ''
  switch (from) {
    case 'name':
      return `by its name${out}`
    case 'hints':
      return `by the server's hints${out}`
    case 'nothing':
      return 'nothing says: counts as a write'
  }
}

const WRITE_WORDS = words(
  'write create update edit add set put insert append save move copy rename make new modify change merge commit push install upsert import replace patch assign close open submit register book order',
)

function isWrite(parts: readonly string[]): boolean {
  return parts.some((part) => WRITE_WORDS.has(part))
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}
