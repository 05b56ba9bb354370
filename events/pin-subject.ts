// How a pin is named on `control`. Apart from the records and their schemas, which take longer to load than a client should
// wait for its server.

/** What a pin calls the server's instructions, which reach the model as definitions do; no tool of this name is listed. */
export const INSTRUCTIONS = 'server:instructions'

/** The subject of a tool's pin. Encoded, or that of `b/c` on `a` would stand in the place of that of `c` on `a/b`. */
export function pinSubject(server: string, tool: string): string {
  return `pin/${encodeURIComponent(server)}/${tool}`
}
