// Says of a place in compiled code where that is in the source. Node could (--enable-source-maps), but reads the map of every
// file that it loads, which is a tenth of a run's time; a run without a failure shows hardly a place.
import { existsSync, readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, join, relative } from 'node:path'

const PLACE = /(?:file:\/\/)?((?:[^\s():]*\/)?dist\/[^\s():]+\.js):(\d+):(\d+)/g

/** Reads maps as they are asked for. */
export class SourcePlaces {
  readonly #root: string
  readonly #maps = new Map<string, SourceMap | undefined>()

  /** `root` is the project's directory, to which places are relative. */
  constructor(root: string) {
    this.#root = root
  }

  /** The line, with the source's places in it; what has no map stays as it is. */
  translate(line: string): string {
    return line.replaceAll(PLACE, (place: string, path: string, lineNumber: string, column: string) => {
      const file = join(path.startsWith('/') ? '' : this.#root, path)
      const entry = this.#mapOf(file)?.findEntry(Number(lineNumber) - 1, Number(column) - 1)
      if (entry === undefined || !('originalSource' in entry)) return place
      const source = relative(this.#root, join(dirname(file), entry.originalSource))
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    })
  }

  #mapOf(file: string): SourceMap | undefined {
    if (!this.#maps.has(file)) this.#maps.set(file, readMap(`${file}.map`))
    return this.#maps.get(file)
  }
}

/** The map that the compiler wrote beside a file; none of a file that it did not make. */
function readMap(path: string): SourceMap | undefined {
  if (!existsSync(path)) return undefined
  return new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload)
}
