// One configuration file a client, before and after wrapping, as texts: no formatter touches them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WrapSettings } from '../../../cli/wrap/wrap-settings.ts'
import { projectRoot } from '../../support/project-root.ts'

const folder = join(projectRoot, 'test/cli/wrap/golden')

/** What the golden files are wrapped with. */
export const settings: WrapSettings = {
  program: ['toolwarden'],
  options: ['--policy', '/etc/policy.yaml'],
  environment: {},
  except: [],
}

/** The clients that have golden files. */
export function goldenClients(): readonly string[] {
  return readdirSync(folder).flatMap((file) =>
    file.endsWith('.before.txt') ? [file.slice(0, -'.before.txt'.length)] : [],
  )
}

/** A file of a client. */
export function readGolden(client: string, which: 'before' | 'after'): string {
  return readFileSync(join(folder, `${client}.${which}.txt`), 'utf8')
}
