// What travels with a request through the API's handlers.
import type { HttpBindings } from '@hono/node-server'
import type { Caller } from './tokens.ts'

/** Hono's environment: Node's request where there is one, and who calls. */
export interface ApiEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    /** Set by authentication.ts before any handler under /v1 runs. */
    caller: Caller
  }
}
