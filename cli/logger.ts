// The log of the services: pino, one JSON object a line on stderr. Gateways write plain text instead, since MCP clients
// show their stderr to people.
import { type Logger, pino } from 'pino'

/** Makes the log of one process; `LOG_LEVEL` sets how much it says. */
export function createLogger(environment: NodeJS.ProcessEnv, name: string): Logger {
  return pino(
    { name, level: environment.LOG_LEVEL ?? 'info', redact: ['*.password', '*.token', '*.authorization'] },
    pino.destination({ fd: 2, sync: true }),
  )
}
