// Wakes readers when something happens in a directory. Only a hint: fs.watch may miss events, run out of watches or not
// work at all on a network file system, so readers poll besides.
import { type FSWatcher, watch } from 'node:fs'

/** Watches a changing set of directories. */
export class DirectoryWatch {
  readonly #onChange: (directory: string) => void
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(onChange: (directory: string) => void) {
    this.#onChange = onChange
  }

  /** Watches exactly these directories; true when one was added, whose contents may have changed before. */
  set(directories: ReadonlySet<string>): boolean {
    for (const directory of this.#watchers.keys()) if (!directories.has(directory)) this.#remove(directory)
    let added = false
    for (const directory of directories) if (!this.#watchers.has(directory)) added = this.#add(directory) || added
    return added
  }

  close(): void {
    this.set(new Set())
  }

  #add(directory: string): boolean {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#onChange(directory))
      watcher.on('error', () => this.#remove(directory))
      this.#watchers.set(directory, watcher)
      return true
    } catch {
      // No watch left, or the directory is gone: polling finds what there is.
      return false
    }
  }

  #remove(directory: string): void {
    this.#watchers.get(directory)?.close()
    this.#watchers.delete(directory)
  }
}
