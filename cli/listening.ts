// Whether `toolwarden gateway` serves HTTP: because it is told to, or because nothing names a server for stdin and stdout
// and toolwarden.yaml says where to listen.
import type { GatewayFlags } from './gateway-command.ts'

/** True for a gateway that listens. Throws CONFIG_INVALID where the configuration is asked and can't be read. */
export async function isListening(flags: GatewayFlags, command: readonly string[]): Promise<boolean> {
  if (flags.listen !== undefined) return true
  if (command.length > 0 || flags.upstream !== undefined || flags.name !== undefined) return false
  const { loadConfig } = await import('./config.ts')
  const { gateway } = await loadConfig(process.env, flags.config)
  return gateway.http.listen !== undefined
}
