// One case of the attack suite: an honest run, one mutation, and what a verifier must then name. A case can't pass vacuously:
// the same verifier must have found nothing before, and the mutation must have changed what it looks at.

/** What a verifier named: a class (violation code, outcome or error code) and where. */
export interface Sighting {
  readonly class: string
  readonly position: string
}

/** What a case works on: an honest run, and the verifier that is expected to see what becomes of it. */
export interface Scene {
  /** What the verifier finds now; nothing on an honest run. */
  look(): Promise<readonly Sighting[]>
  /** Digest of everything that the mutation may change. */
  fingerprint(): Promise<string>
}

/** A line of the table, without how it is run. */
export interface CaseText {
  /** Row of the threat list, from 1. */
  readonly row: number
  readonly name: string
  readonly mutation: string
  /** The verifier. */
  readonly seenBy: string
  /** Each must be named; an empty list says that nothing at all may be found. `class @ position`. */
  readonly finds: readonly string[]
  /** Nothing else may be named. */
  readonly exactly?: boolean
}

/** A case that can be run. */
export interface AttackCase extends CaseText {
  /** Why it can't be run here. */
  readonly skip?: string
  run(): Promise<Observed>
}

/** What happened in a run of a case. */
export interface Observed {
  readonly before: { readonly fingerprint: string; readonly found: readonly Sighting[] }
  readonly after: { readonly fingerprint: string; readonly found: readonly Sighting[] }
}

/** Looks, mutates, looks again. */
export async function observe(scene: Scene, mutate: () => Promise<void> | void): Promise<Observed> {
  const before = await lookAt(scene)
  await mutate()
  return { before, after: await lookAt(scene) }
}

/** Why a case failed; undefined where it was seen as it must be. */
export function findFailure({ finds, exactly = false }: CaseText, { before, after }: Observed): string | undefined {
  if (before.found.length > 0) return `the honest run is not clean: ${textOf(before.found)}`
  if (before.fingerprint === after.fingerprint) return 'the mutation changed nothing'
  if (finds.length === 0) return after.found.length === 0 ? undefined : `a false alarm: ${textOf(after.found)}`
  const found = new Set(after.found.map(sightingText))
  const missed = finds.filter((wanted) => !found.has(wanted))
  const others = exactly ? [...found].filter((text) => !finds.includes(text)) : []
  if (missed.length === 0 && others.length === 0) return undefined
  if (missed.length === 0) return `more than it was: ${others.slice(0, 12).join('; ')}`
  return `NOT DETECTED: ${missed.join('; ')} (found: ${textOf(after.found) || 'nothing'})`
}

function sightingText({ class: name, position }: Sighting): string {
  return `${name} @ ${position}`
}

function textOf(found: readonly Sighting[]): string {
  return [...new Set(found.map(sightingText))].slice(0, 12).join('; ')
}

async function lookAt(scene: Scene): Promise<Observed['before']> {
  return { fingerprint: await scene.fingerprint(), found: await scene.look() }
}
