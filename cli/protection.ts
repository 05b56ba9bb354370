// What no policy can open on this machine: the installation's own files, the configuration of the known clients, the API.
import { homedir } from 'node:os'
import { createProtection, type Protection } from '../gateway/policy/protect.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import type { Config } from './config.ts'
import { spoolDirectory } from './spool-directory.ts'
import { knownPlaces } from './wrap/known-places.ts'

/** What is protected beside the configuration. */
export interface OwnFiles {
  readonly policyFiles: readonly string[]
  readonly serverDirectories: readonly string[]
}

/** Data directory with kept policies, the policy's files, configurations, and the API. */
export function protectOwn(config: Config, { policyFiles, serverDirectories }: OwnFiles): Protection {
  const home = homedir()
  // Not those of the working directory: a call about the project itself would then name a directory above one of them.
  const clients = knownPlaces({ platform: process.platform, home, workingDirectory: home, environment: process.env })
  return createProtection({
    paths: [config.data, spoolDirectory(config), config.file, ...policyFiles, ...clients.map(({ path }) => path)],
    hosts: [`${config.api.host}:${config.api.port}`],
    home,
    workingDirectory: process.cwd(),
    serverDirectories,
    realPath: lookUpRealPath,
  })
}
