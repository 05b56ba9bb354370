// Makes the destinations of alerts from the configuration, with secrets from the environment or from private files, and
// starts telling them in the process that runs the detectors.
import { join } from 'node:path'
import type { Logger } from 'pino'
import { AlertDelivery } from '../detectors/delivery/delivery.ts'
import type { Destination } from '../detectors/delivery/destination.ts'
import type { WebhookSettings } from '../detectors/delivery/settings.ts'
import { createSiemFile } from '../detectors/delivery/siem-file.ts'
import { createWebhook } from '../detectors/delivery/webhook.ts'
import { parseSecrets } from '../detectors/delivery/webhook-message.ts'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { readPrivateFile } from '../events/private-file.ts'
import { systemClock } from '../events/time.ts'
import type { Backbone } from './backbone.ts'
import type { Config } from './config.ts'
import { softwareName } from './version.ts'

/** Where the delivery keeps its state and its dead letters. */
export function deliveryDirectory({ data }: Pick<Config, 'data'>): string {
  return join(data, 'deliveries')
}

/** The destinations that are configured. Throws KEY_MISSING, KEY_INVALID, CONFIG_INVALID: none of them quotes a secret. */
export async function openDestinations(
  config: Config,
  environment: NodeJS.ProcessEnv,
): Promise<readonly Destination[]> {
  const { webhooks, siem } = config.alerts
  const software = softwareName()
  const destinations: Destination[] = []
  for (const settings of webhooks) {
    const url = settings.url ?? (await readSecret(settings, 'url', environment))
    const isSigned = settings.secretEnv !== undefined || settings.secretFile !== undefined
    const where = settings.secretFile ?? settings.secretEnv ?? settings.name
    const secrets = isSigned ? parseSecrets(await readSecret(settings, 'secret', environment), where) : []
    destinations.push(createWebhook({ settings, url: url.trim(), secrets, software }))
  }
  const [name = 'toolwarden', version = ''] = software.split('/')
  return siem === undefined ? destinations : [...destinations, createSiemFile(siem, { name, version })]
}

/** Starts telling; stopped with the services. */
export async function startAlertDelivery(parts: {
  readonly config: Config
  readonly backbone: Backbone
  readonly logger: Logger
  readonly onStop: (stop: () => Promise<void> | void) => void
}): Promise<AlertDelivery> {
  const { config, backbone, logger, onStop } = parts
  const { eventLog, log, trust } = backbone
  const delivery = await AlertDelivery.start({
    eventLog,
    clock: systemClock(),
    log,
    trust,
    directory: deliveryDirectory(config),
    destinations: await openDestinations(config, process.env),
    random: Math.random,
    onNotice: (notice) => {
      if (notice.type === 'delivery-trouble')
        logger.error({ problem: describeError(notice.error) }, 'alerts are not sent')
      else logger.warn(notice, 'alert delivery')
    },
  })
  onStop(() => delivery.stop())
  return delivery
}

async function readSecret(
  settings: WebhookSettings,
  what: 'url' | 'secret',
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const { [`${what}Env` as const]: variable, [`${what}File` as const]: file } = settings
  const text = variable === undefined ? await readPrivateFile(file ?? '') : environment[variable]
  if (text !== undefined && text.trim() !== '') return text
  throw new ToolwardenError('KEY_MISSING', `the ${what} of the webhook ${settings.name} is empty or not there`, {
    where: variable ?? file,
    fix: variable === undefined ? 'write it into that file (0600)' : 'set that variable where the detectors run',
  })
}
