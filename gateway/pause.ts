// A wait for retries, and for races against work that may hang.

/** Resolves after so many milliseconds; alone it keeps no process alive. */
export function pause(millis: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, millis).unref())
}
