// JSON text of a large value, piece by piece, so that whoever writes it can let others work between two pieces: the state of many
// sessions takes a second to put into words, and a rule must not wait for that. The value must not change meanwhile.

/** How deep a value is taken apart: below the children of the children of a detector's maps. */
const PIECE_DEPTH = 12

/** The pieces of what JSON.stringify says of a value, which is plain JSON but for absent properties. */
export function* jsonPieces(value: unknown, depth = PIECE_DEPTH): Generator<string> {
  if (depth === 0 || typeof value !== 'object' || value === null || 'toJSON' in value) {
    yield JSON.stringify(value)
    return
  }
  const isList = Array.isArray(value)
  let before = isList ? '[' : '{'
  for (const [name, each] of isList ? value.entries() : Object.entries(value)) {
    if (each === undefined && !isList) continue
    yield isList ? before : `${before}${JSON.stringify(name)}:`
    yield* jsonPieces(each ?? null, depth - 1)
    before = ','
  }
  yield `${before === ',' ? '' : before}${isList ? ']' : '}'}`
}

/** How much text is made before others may work: some milliseconds' worth, characters. */
const TURN_CHARACTERS = 256 * 1024

/** Texts of some size out of small pieces, each in a turn of the event loop of its own. */
export async function* inTurns(pieces: Iterable<string>): AsyncGenerator<string> {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length < TURN_CHARACTERS) continue
    yield text
    text = ''
    await new Promise((resolve) => setImmediate(resolve))
  }
  yield text
}
