// Detector states as a whole: on their way to a file and back, and going on without a way back. A map is one list there;
// captured, it is as it was at that moment, whatever comes while it is written.
import { BoundedMap, type BoundedMapJson, boundedMapOf } from './bounded-map.ts'

/** A value whose maps are lists: those in it at once, those within the values of maps when they are written. */
export function captureState(value: unknown): unknown {
  if (value instanceof BoundedMap) return value.toJSON()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(captureState)
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, captureState(each)]))
}

/** The value whose maps were lists. It takes parts of what it is given, which is of no more use then. */
export function restoreState(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) if (typeof each === 'object') value[index] = restoreState(each)
    return value
  }
  const members = value as Record<string, unknown>
  for (const [name, each] of Object.entries(members)) if (typeof each === 'object') members[name] = restoreState(each)
  return isMap(members) ? boundedMapOf(members) : members
}

/** Events after which a shell that only goes on lets go of older versions: few enough to die young. */
export const RELEASED_EVERY = 16

/** Says of all maps of a state that what they came of is read no more; not of those within the values of maps, which change little. */
export function releaseOlder(state: unknown): void {
  if (state instanceof BoundedMap) state.release()
  else if (typeof state === 'object' && state !== null) for (const each of Object.values(state)) releaseOlder(each)
}

function isMap(value: object): value is BoundedMapJson {
  return 'bounded' in value && Array.isArray(value.bounded)
}
