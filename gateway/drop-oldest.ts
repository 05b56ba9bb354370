// Bounds what a gateway remembers of sessions and callers. JavaScript's maps and sets keep the order of insertion.

/** Drops the entry that was put in first, where there are more than a limit. */
export function dropOldest(all: Map<string, unknown> | Set<string>, limit: number): void {
  const [oldest] = all.keys()
  if (all.size > limit && oldest !== undefined) all.delete(oldest)
}
