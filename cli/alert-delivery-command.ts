// `toolwarden alerts deliveries | resend | test`: what waits for webhooks and the SIEM file, what could not be delivered, and
// whether they can be told at all. Works on the data directory of the machine that runs the detectors.

import { testNotice } from '../detectors/delivery/alert-notice.ts'
import { DeadLetters } from '../detectors/delivery/dead-letters.ts'
import { loadDeliveryState } from '../detectors/delivery/delivery-file.ts'
import { ToolwardenError } from '../events/errors.ts'
import { derivedId, formatTime, systemClock, uuidv7 } from '../events/time.ts'
import { visible } from '../events/visible.ts'
import { deliveryDirectory, openDestinations } from './alert-delivery.ts'
import { type Config, loadConfig } from './config.ts'
import { openInstallation } from './installation.ts'

/** Options as commander gives them. */
export interface DeliveryFlags {
  readonly config?: string
  readonly json?: boolean
}

/** Prints what waits and what was given up. Throws STORE_INVALID. */
export async function listDeliveries(flags: DeliveryFlags): Promise<void> {
  const { config, log } = await open(flags)
  const state = await loadDeliveryState(deliveryDirectory(config), log)
  const waiting = Object.entries(state?.pending ?? {}).map(([destination, pending]) => {
    const failing = pending.filter(({ failures }) => failures > 0).length
    return { destination, waiting: pending.length, failing }
  })
  const dead = (await new DeadLetters(deliveryDirectory(config)).list()).map(({ destination, notice, ...letter }) => {
    return { destination, id: notice.id, alert: notice.alert, type: notice.type, ...letter }
  })
  if (flags.json === true) return print(JSON.stringify({ waiting, dead }))
  if (waiting.length === 0 && dead.length === 0) print('nothing was sent yet: docs/alerts.md says how to set it up')
  for (const each of waiting) print(`${each.destination}: ${each.waiting} wait, ${each.failing} of them failed before`)
  for (const { destination, id, alert, failures, reason, diedAt } of dead)
    print(`dead  ${id}  ${destination}  alert ${alert.slice(0, 12)}  ${diedAt}  after ${failures}: ${visible(reason)}`)
}

/** Asks for dead letters to be sent again. Throws USAGE, NOT_FOUND. */
export async function resendDeliveries(
  id: string | undefined,
  flags: DeliveryFlags & { readonly all?: boolean },
): Promise<void> {
  if ((id === undefined) !== (flags.all === true))
    throw new ToolwardenError('USAGE', 'expected the id of a letter, or --all', {
      fix: 'toolwarden alerts resend --all',
    })
  const { config } = await open(flags)
  const letters = new DeadLetters(deliveryDirectory(config))
  const wanted = (await letters.list()).filter(({ notice }) => id === undefined || notice.id === id)
  if (wanted.length === 0 && id !== undefined)
    throw new ToolwardenError('NOT_FOUND', 'there is no such dead letter', {
      where: id,
      fix: 'toolwarden alerts deliveries',
    })
  for (const { destination, notice } of wanted) await letters.askAgain(destination, notice.id)
  print(flags.json === true ? JSON.stringify({ asked: wanted.length }) : `${wanted.length} will be sent again`)
}

/** Sends a test now. Throws USAGE where there is no such destination, UPSTREAM_UNAVAILABLE where one was not told. */
export async function testDestinations(name: string | undefined, flags: DeliveryFlags): Promise<void> {
  const { config, log } = await open(flags)
  const destinations = (await openDestinations(config, process.env)).filter((each) => (name ?? each.name) === each.name)
  if (destinations.length === 0)
    throw new ToolwardenError('USAGE', name === undefined ? 'no destination is configured' : 'no such destination', {
      where: name ?? config.file,
      fix: 'name it under alerts: in toolwarden.yaml (docs/alerts.md)',
    })
  const micros = systemClock().nowMicros()
  const notice = testNotice(log, formatTime(micros), derivedId('test', uuidv7(micros)))
  const results = await Promise.all(
    destinations.map(async (each) => ({ destination: each.name, ...(await each.send(notice, micros / 1000)) })),
  )
  if (flags.json === true) print(JSON.stringify({ results }))
  else for (const each of results) print(`${each.destination}: ${each.type === 'failed' ? each.reason : 'told'}`)
  const failed = results.filter(({ type }) => type === 'failed')
  if (failed.length > 0)
    throw new ToolwardenError('UPSTREAM_UNAVAILABLE', `${failed.length} of ${results.length} were not told`, {
      where: failed.map(({ destination }) => destination).join(', '),
    })
}

async function open(flags: DeliveryFlags): Promise<{ readonly config: Config; readonly log: string }> {
  const config = await loadConfig(process.env, flags.config)
  return { config, log: config.log ?? (await openInstallation(config.data)).log }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
