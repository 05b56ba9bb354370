// Opens an MCP server over HTTP from its settings: certificates from files, secrets from the environment.
import { readFile } from 'node:fs/promises'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import type { HeaderList } from '../gateway/http/headers.ts'
import { HttpUpstream } from '../gateway/http/http-upstream.ts'
import type { UpstreamSettings } from '../gateway/http/settings.ts'

/** Opens the server of a URL. Throws CONFIG_INVALID naming the file or the variable that is not there. */
export async function openHttpUpstream(
  { url, headers, ca }: Pick<UpstreamSettings, 'headers' | 'ca'> & { readonly url: string },
  connectMs: number,
): Promise<HttpUpstream> {
  return new HttpUpstream({
    url: new URL(url),
    headers: staticHeaders(headers),
    ca: ca === undefined ? undefined : await readPem(ca),
    connectMs,
  })
}

/** Reads a PEM file. Throws CONFIG_INVALID. */
export async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = `the file cannot be read: ${systemCode(cause) ?? 'unknown reason'}`
    throw new ToolwardenError('CONFIG_INVALID', why, { where: path, cause })
  }
}

/** The operator's own fields, with their values from the environment where the configuration says so. */
function staticHeaders(headers: UpstreamSettings['headers']): HeaderList {
  return Object.entries(headers).map(([name, value]) => {
    if (typeof value === 'string') return [name, value]
    const found = process.env[value.env]
    if (found !== undefined && found !== '') return [name, found]
    throw new ToolwardenError('CONFIG_INVALID', `the environment variable ${value.env} is not set`, {
      where: `gateway.upstreams: headers: ${name}`,
    })
  })
}
