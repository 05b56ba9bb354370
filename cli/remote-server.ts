// `toolwarden gateway --upstream https://…` for a stdio client: the server over HTTP, with the fields and certificates that
// toolwarden.yaml has under the same name.
import { ToolwardenError } from '../events/errors.ts'
import { RemoteServer } from '../gateway/http/remote-server.ts'
import { headerField, type UpstreamSettings, upstreamName, upstreamUrl } from '../gateway/http/settings.ts'
import { loadConfig } from './config.ts'
import type { GatewayFlags } from './gateway-command.ts'
import { openHttpUpstream } from './http-upstream.ts'

const EXAMPLE = 'toolwarden gateway --policy policy.yaml --upstream https://mcp.example.com/mcp'

/** Opens the server that the flags name. Throws USAGE, CONFIG_INVALID. */
export async function openRemoteServer(
  flags: GatewayFlags,
): Promise<{ readonly name: string; readonly server: RemoteServer }> {
  const { gateway } = await loadConfig(process.env, flags.config)
  const known = flags.name === undefined ? undefined : gateway.upstreams[flags.name]
  const settings = withHeaders(settingsOf(flags, known), flags)
  const name = flags.name ?? nameOf(settings.url)
  if (!upstreamName.safeParse(name).success)
    throw new ToolwardenError('USAGE', 'a name has 1 to 64 letters, digits and . _ @ -', {
      where: '--name',
      fix: EXAMPLE,
    })
  const upstream = await openHttpUpstream(settings, gateway.http.limits.connectMs)
  return { name, server: new RemoteServer(upstream, new Set(settings.drop)) }
}

function settingsOf({ upstream, name }: GatewayFlags, known: UpstreamSettings | undefined): Settings {
  const named = known?.url
  if (upstream === undefined) {
    if (known !== undefined && named !== undefined) return { ...known, url: named }
    throw new ToolwardenError('USAGE', 'no server command, and no URL under this name', {
      where: `gateway.upstreams: ${name ?? ''}`,
      fix: EXAMPLE,
    })
  }
  const url = upstreamUrl.safeParse(upstream)
  if (!url.success)
    throw new ToolwardenError('USAGE', 'not an http or https URL', { where: '--upstream', fix: EXAMPLE })
  // Secrets go only where the configuration sends them.
  if (known !== undefined && named === url.data) return { ...known, url: named }
  return { headers: {}, drop: [], url: url.data }
}

/** `--header Field=VARIABLE`: the value comes from the environment, where no process list shows it. */
function withHeaders(settings: Settings, { header = [], upstream }: GatewayFlags): Settings {
  const wrong = (message: string): ToolwardenError =>
    new ToolwardenError('USAGE', message, { where: '--header', fix: `${EXAMPLE} --header Authorization=MY_TOKEN` })
  if (header.length > 0 && upstream === undefined) throw wrong('a field needs --upstream with a URL')
  const fields = header.map((text) => {
    const [field = '', variable = '', ...rest] = text.split('=')
    if (!headerField.safeParse(field).success || !/^\w+$/.test(variable) || rest.length > 0)
      throw wrong('expected a field and the variable that has its value')
    return [field, { env: variable }] as const
  })
  return { ...settings, headers: { ...settings.headers, ...Object.fromEntries(fields) } }
}

type Settings = Pick<UpstreamSettings, 'headers' | 'ca' | 'drop'> & { readonly url: string }

/** A URL's host, as a writer's name needs it. */
export function nameOf(url: string): string {
  const host = new URL(url).hostname.replace(/[^A-Za-z0-9.-]/g, '').slice(0, 64)
  return host === '' ? 'server' : host
}
