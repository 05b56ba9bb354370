// `toolwarden pin repair <server>`: a file of seen definitions that gateways refuse to read is made readable again.
import { visible } from '../events/visible.ts'
import { loadConfig } from './config.ts'
import { repairPins } from './pin-file.ts'

/** Prints what was kept and what was not. Throws CONFIG_INVALID where there is no such file, or it is not a file of pins at all. */
export async function repairPinFile(server: string, { config }: { readonly config?: string }): Promise<void> {
  const { data } = await loadConfig(process.env, config)
  const suffix = new Date().toISOString().replace(/[:.]/g, '-')
  const { path, keptAs, kept, dropped } = await repairPins(data, server, suffix)
  if (keptAs === undefined)
    return void process.stdout.write(`${visible(path)}: nothing is damaged, ${kept} definitions\n`)
  process.stdout.write(
    `${visible(path)}: kept ${kept} definitions, took out line ${dropped.join(', ')}\nas it was: ${visible(keptAs)}\n` +
      'a tool of these lines is pinned by what is seen next: toolwarden pin list, then restart the gateways of this server\n',
  )
}
