// An option of the command line that may be given again.

/** Adds a value to those that were given before. */
export function addTo(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}
