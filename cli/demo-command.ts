// `toolwarden demo`: the whole pipeline on a temporary directory, with a real client and a real server; nothing is faked.
// What it shows comes from the API's stream, the client's answers and the verification, and each step is checked.
import { readCliToken } from '../api/cli-token.ts'
import type { VerifyReport } from '../ledger/verify-report.ts'
import type { Config } from './config.ts'
import { connectAgent, DEMO_PRINCIPAL, type DemoAgent } from './demo-agent.ts'
import { demoConfig } from './demo-config.ts'
import { DemoScreen } from './demo-screen.ts'
import { buildStage, type DemoStage, NOTES, notePath } from './demo-stage.ts'
import { changeOneByte, storedCalls, verifyStore } from './demo-store.ts'
import { DemoWatch } from './demo-watch.ts'
import { ensureInstallation, type Installation } from './installation.ts'
import { createLogger } from './logger.ts'
import { type Services, startServices } from './services.ts'
import { stopRequested } from './shutdown.ts'

/** Milliseconds between the reads of the sweep: a few a second. */
const SWEEP_PAUSE_MS = 250

interface Scene {
  readonly screen: DemoScreen
  readonly stage: DemoStage
  readonly config: Config
  /** For the gateway that the client starts. */
  readonly environment: NodeJS.ProcessEnv
  readonly installation: Installation
}

/** Plays the demo; resolves with the exit code: 0 if every step showed what it must. */
export async function runDemo(flags: { readonly exit?: boolean }): Promise<number> {
  const screen = new DemoScreen((text) => process.stdout.write(text), process.stdout.isTTY)
  const stage = await buildStage()
  try {
    const { config, environment } = await demoConfig(stage)
    const installation = await ensureInstallation(stage.data, config.log)
    const scene = { screen, stage, config, environment, installation }
    const calls = await playLive(scene)
    await playTampering(scene, calls)
    screen.step(
      screen.failures.length === 0 ? 'Everything showed what it must' : `${screen.failures.length} steps failed`,
    )
    if (flags.exit !== true) await stayUp(scene)
    return screen.failures.length === 0 ? 0 : 1
  } finally {
    await stage.remove()
  }
}

function start({ config, installation }: Scene): Promise<Services> {
  const logger = createLogger({ ...process.env, LOG_LEVEL: process.env.LOG_LEVEL ?? 'error' }, 'demo')
  return startServices(['ledger', 'detectors', 'api'], { config, installation, logger })
}

async function playLive(scene: Scene): Promise<number> {
  const { screen, stage, environment, installation } = scene
  screen.step('The pipeline starts: ledger, detectors and API, and a gateway before a file server')
  const services = await start(scene)
  const url = services.api?.url ?? ''
  const watch = new DemoWatch({ url, token: await readCliToken(installation.cliTokenFile), screen })
  try {
    await services.detectors?.live
    screen.line('up', `API ${url}, event log ${services.backbone.where}${topicsOf(scene.config)}`)
    const agent = await connectAgent(stage, environment)
    try {
      screen.line(
        'agent',
        `${DEMO_PRINCIPAL} sees ${(await agent.listTools()).length} tools of the server, through the gateway`,
      )
      await playDecisions(scene, agent)
      await playSweep(scene, agent, watch)
    } finally {
      await agent.close()
    }
    return await playVerification(scene, services)
  } finally {
    await watch.stop()
    await services.stop()
  }
}

async function playDecisions({ screen, stage }: Scene, agent: DemoAgent): Promise<void> {
  screen.step('Decisions: what the policy allows is done, what it does not is not')
  const read = await agent.call('read_text_file', { path: notePath(stage.project, 1) })
  screen.check(!read.isError && read.text.startsWith('Note 1'), `an allowed read answers: ${read.text.trim()}`)
  const path = await agent.call('read_text_file', { path: stage.secret })
  screen.check(path.isError && path.text.includes('Blocked'), `a path outside is denied: ${path.text}`)
  const tool = await agent.call('move_file', {
    source: notePath(stage.project, 1),
    destination: notePath(stage.project, 99),
  })
  screen.check(tool.isError && tool.text.includes('no-moves'), `a denied tool is denied: ${tool.text}`)
  const write = await agent.call('write_file', { path: notePath(stage.project, 1), content: 'changed' })
  screen.check(write.isError && write.text.includes('Approval pending'), `a write waits for a person: ${write.text}`)
  screen.step('Ordinary work raises nothing')
  for (const note of [1, 2, 3, 1, 2, 3]) await agent.call('read_text_file', { path: notePath(stage.project, note) })
  await agent.call('list_directory', { path: stage.project })
  await agent.call('search_files', { path: stage.project, pattern: '*.md' })
  screen.line('agent', 'read three notes twice, listed and searched the project')
}

async function playSweep({ screen, stage }: Scene, agent: DemoAgent, watch: DemoWatch): Promise<void> {
  screen.step(`A sweep: ${1000 / SWEEP_PAUSE_MS} new notes a second, as an agent that was told to collect everything`)
  screen.check(watch.alertsOf('read-spike') === 0, 'no read spike so far')
  let reads = 0
  for (let note = 1; note <= NOTES; note++) {
    const answer = await agent.call('read_text_file', { path: notePath(stage.project, note) })
    if (answer.isError) {
      screen.check(watch.rules > 0, `note ${note} is denied by the rule that has just arrived: ${answer.text}`)
      break
    }
    reads++
    await new Promise((resolve) => setTimeout(resolve, SWEEP_PAUSE_MS))
  }
  screen.check(reads < NOTES, `the sweep ended after ${reads} of ${NOTES} notes`)
  const known = await agent.call('read_text_file', { path: notePath(stage.project, 2) })
  screen.check(!known.isError, 'a note that was read before may still be read: the rule is no wider than its evidence')
}

async function playVerification({ screen }: Scene, services: Services): Promise<number> {
  screen.step('The record: every call is stored, and the chain verifies')
  const calls = await storedCalls(services)
  screen.line('stored', `${calls.total} calls: ${calls.summary}`)
  const report = await verifyStore(services)
  for (const { code, chain, sequence, text } of report.violations)
    screen.line('found', `${code}: event ${sequence ?? '?'} of ${chain}: ${text}`, 'bad')
  for (const { call, state } of report.openCalls) screen.line('open', `call ${call}: ${state}`, 'bad')
  screen.check(report.violationCount === 0 && report.counts.openCalls === 0, `verified: ${describe(report)}`)
  return calls.total
}

async function playTampering(scene: Scene, calls: number): Promise<void> {
  const { screen } = scene
  screen.step('Somebody changes one byte of a stored event, behind the back of the program')
  const changed = await changeOneByte(scene.config)
  screen.line('changed', `${changed.type}, event ${changed.sequence} of ${changed.chain}: ${changed.what}`, 'warn')
  const services = await start(scene)
  try {
    const report = await verifyStore(services)
    for (const { code, chain, sequence, text } of report.violations)
      screen.line('found', `${code}: event ${sequence ?? '?'} of ${chain}: ${text}`, 'warn')
    const named = report.violations.some(
      ({ chain, sequence }) => chain === changed.chain && sequence === changed.sequence,
    )
    screen.check(named, `verification of ${calls} calls names that very event`)
  } finally {
    await services.stop()
  }
}

async function stayUp(scene: Scene): Promise<void> {
  const services = await start(scene)
  scene.screen.line(
    'up',
    `API ${services.api?.url ?? ''}, token in ${scene.installation.cliTokenFile}; Ctrl-C ends it and removes everything`,
  )
  await Promise.race([stopRequested(), services.failed]).finally(() => services.stop())
}

/** The topics, for whoever looks with Kafka's own tools. */
function topicsOf({ kafka }: Config): string {
  return kafka === undefined ? '' : `, topics ${kafka.topicPrefix}.events and ${kafka.topicPrefix}.control`
}

function describe({ counts }: VerifyReport): string {
  return `${counts.events} events in ${counts.chains} chains, ${counts.appends} signatures, ${counts.calls} calls, ${counts.payloads} payloads, no violation`
}
