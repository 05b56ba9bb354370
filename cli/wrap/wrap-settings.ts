// What the wrapped entries of a configuration file start, chosen once for all of them.
import type { Edit } from './edit.ts'

/** How a gateway is started in the place of a server. */
export interface WrapSettings {
  /** The program that a client starts, and its first arguments: `toolwarden`, or node and the path of main.js. */
  readonly program: readonly [command: string, ...args: string[]]
  /** Options of `gateway` beside its name: `--policy`, `--config`. */
  readonly options: readonly string[]
  /** Variables that the gateway needs beside the entry's own. */
  readonly environment: Readonly<Record<string, string>>
  /** Names of servers that are left as they are. */
  readonly except: readonly string[]
}

/** What becomes of one entry: its edits, or why it is left as it is. */
export type EntryPlan =
  | { readonly type: 'wrap'; readonly edits: readonly Edit[]; readonly secrets: readonly string[] }
  | { readonly type: 'leave'; readonly reason: string }
