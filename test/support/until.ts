// Waits for a condition instead of sleeping.

/** How long a condition may take before the test fails. */
const DEADLINE_MS = 10_000

/** Resolves as soon as a condition holds; rejects after ten seconds unless told otherwise. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = DEADLINE_MS): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`did not become true within ${deadlineMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
