// How the commands that speak to a running API find it: by the data directory, with the command line's own token.
import { readCliToken } from '../api/cli-token.ts'
import { ToolwardenError } from '../events/errors.ts'
import { findApi } from './api-client.ts'
import { loadConfig } from './config.ts'
import { openInstallation } from './installation.ts'

/** The API, and how to speak to it. */
export interface ApiAccess {
  readonly url: string
  readonly token: string
}

/** Finds the API of the data directory that a configuration names. Throws STORE_UNAVAILABLE, with a fix, where none runs. */
export async function findApiAccess(configFile: string | undefined, fix: string): Promise<ApiAccess> {
  const config = await loadConfig(process.env, configFile)
  const installation = await openInstallation(config.data)
  const url = await findApi(config.data)
  if (url === undefined)
    throw new ToolwardenError('STORE_UNAVAILABLE', 'no API runs on this data directory', { where: config.data, fix })
  return { url, token: await readCliToken(installation.cliTokenFile) }
}
