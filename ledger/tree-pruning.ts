// Removes the bundles of entries of a pruned log (C2SP tlog-tiles, pruning): bodies of events that are gone. Hash tiles stay.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TILE_WIDTH, tilePath } from './tiles.ts'

/** The first bundle of entries that stays where leaves below an index are gone. */
export function firstBundle(minIndex: number): number {
  return Math.floor(minIndex / TILE_WIDTH)
}

/** Removes the full bundles before the first that stays, newest first: a crash leaves a beginning, which goes the next time. */
export async function removeEntryBundles(
  treeDirectory: string,
  minIndex: number,
  before?: (step: string) => Promise<void> | void,
): Promise<void> {
  for (let index = firstBundle(minIndex) - 1; index >= 0; index--) {
    await before?.('bundle')
    await rm(join(treeDirectory, tilePath({ kind: 'entries', index, width: TILE_WIDTH })), { force: true })
  }
}
