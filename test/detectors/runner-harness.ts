// The detectors' role on a real event log in files, with real ChainWriters as gateways.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Detector } from '../../detectors/detector.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { DETECTORS_WRITER, type DetectorNotice, type RunningDetectors, startDetectors } from '../../detectors/start.ts'
import type { Json } from '../../events/canonical.ts'
import { sha256, ZERO_HASH } from '../../events/chain.ts'
import { ChainWriter } from '../../events/chain-writer.ts'
import type { Entry } from '../../events/commit.ts'
import { ControlReader } from '../../events/control-reader.ts'
import { liveRules } from '../../events/control-view.ts'
import { type Event, type EventOf, parseEvent } from '../../events/event.ts'
import { FileLog } from '../../events/file-log.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import type { EventLog, StoredRecord } from '../../events/log.ts'
import type { Rule } from '../../events/rule.ts'
import { argumentSignals, resultSignals, signalsBytes } from '../../events/signals.ts'
import { type Clock, systemClock, uuidv7 } from '../../events/time.ts'
import { toolClassOf } from '../../events/tool-class.ts'
import { Trust } from '../../events/trust.ts'
import { type CallStory, contextOf, DEPLOYMENT_KEY } from './story.ts'

const LOG = 'test'
const SOFTWARE = 'test'

/** What a start of the detectors may be told. */
export interface DetectorStart {
  readonly eventLog?: EventLog
  readonly settings?: object
  readonly detectors?: readonly Detector<unknown>[]
}

/** One log with its keys, gateways and detectors. */
export class RunnerHarness {
  readonly root: string
  readonly eventLog: FileLog
  readonly clock: Clock = systemClock()
  readonly keys: Record<string, KeyPair> = {
    'gateway/*': generateKey(),
    'ledger/*': generateKey(),
    'api/*': generateKey(),
    [DETECTORS_WRITER]: generateKey(),
  }
  readonly trust: Trust
  readonly notices: DetectorNotice[] = []
  readonly #closing: (() => Promise<void>)[] = []
  /** The gateway's view of control. */
  readonly control: ControlReader

  private constructor(root: string) {
    this.root = root
    this.eventLog = new FileLog({ root: join(root, 'log'), durability: 'process', reserveBytes: 0 })
    this.trust = new Trust(
      Object.entries(this.keys).map(([writer, key]) => ({ writer, key: key.publicKey.toString('base64url') })),
    )
    this.control = new ControlReader({ eventLog: this.eventLog, log: LOG, trust: this.trust })
  }

  /** A new log in a directory of its own. */
  static async create(): Promise<RunnerHarness> {
    const harness = new RunnerHarness(await mkdtemp(join(tmpdir(), 'toolwarden-detectors-')))
    await harness.control.start()
    return harness
  }

  /** The rules that a gateway sees in force. */
  rules(): readonly Rule[] {
    return liveRules(this.control.view, this.clock.nowMicros())
  }

  /** A run of a writer. */
  writer(name = 'gateway/files', key: KeyPair | undefined = this.keys[`${name.split('/')[0]}/*`]): ChainWriter {
    const writer = new ChainWriter({
      eventLog: this.eventLog,
      clock: this.clock,
      log: LOG,
      writer: name,
      key: key ?? generateKey(),
      opening: { software: SOFTWARE, configuration: ZERO_HASH },
    })
    this.#closing.push(() => writer.close())
    return writer
  }

  /** Propose and decide in one append, then the receipt in another, as a gateway does. */
  async call(gateway: ChainWriter, call: CallStory = {}): Promise<void> {
    const { decision = 'allow', status = decision === 'allow' ? 'ok' : 'none' } = call
    const context = contextOf(call, uuidv7(this.clock.nowMicros()))
    const decided = await gateway.append(proposeAndDecide(context, call))
    if (status === 'none') return
    const parent = decided.events.at(-1)?.hash ?? ZERO_HASH
    const receipt = { type: 'authorization/receipt', ...context, parent, status, durationMicros: 1 } as const
    if (call.result === undefined) await gateway.append([{ draft: receipt }])
    else {
      const signals = signalsBytes(resultSignals(DEPLOYMENT_KEY, 'read', call.result))
      await gateway.append([{ draft: { ...receipt, signalsDigest: sha256(signals) }, signals }])
    }
  }

  /** A sweep over so many paths. */
  async sweep(gateway: ChainWriter, paths: number, call: CallStory = {}): Promise<void> {
    for (let index = 0; index < paths; index++)
      await this.call(gateway, { arguments: { path: `/srv/${index}` }, ...call })
  }

  /** Starts the detectors on this log, as after a restart when it was done before. */
  async detect({ eventLog = this.eventLog, settings = {}, detectors }: DetectorStart = {}): Promise<RunningDetectors> {
    const key = this.keys[DETECTORS_WRITER] ?? generateKey()
    const running = await startDetectors({
      eventLog,
      clock: this.clock,
      log: LOG,
      trust: this.trust,
      key,
      snapshotDirectory: join(this.root, 'detectors'),
      settings: detectorSettings.parse(settings),
      software: SOFTWARE,
      onNotice: (notice) => this.notices.push(notice),
      ...(detectors === undefined ? {} : { detectors }),
    })
    // One whose process was killed is not asked to stop.
    if (eventLog === this.eventLog) this.#closing.push(() => running.stop())
    return running
  }

  /** All events of one type that stand in the log, in the order of their times. */
  async events<Type extends Event['type']>(type: Type): Promise<readonly EventOf<Type>[]> {
    const found: Event[] = []
    const subscription = await this.eventLog.subscribe('events', { from: 'beginning' }, (records) => {
      found.push(
        ...records
          .map(readEvent)
          .filter((event) => event?.type === type)
          .flatMap((event) => event ?? []),
      )
    })
    await subscription.caughtUp
    await subscription.stop()
    return found.toSorted((left, right) => (left.time < right.time ? -1 : 1)) as EventOf<Type>[]
  }

  /** Ends everything and removes the files. */
  async remove(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()))
    await this.control.stop()
    await this.eventLog.close()
    await rm(this.root, { recursive: true })
  }
}

/** Propose and decide of one call, as the gateway's recorder drafts them. */
function proposeAndDecide(context: ReturnType<typeof contextOf>, call: CallStory): [Entry, Entry] {
  const value: Json = call.arguments ?? { path: '/a' }
  const signals = signalsBytes(argumentSignals(DEPLOYMENT_KEY, toolClassOf(context.tool), value))
  const propose: Entry = {
    draft: {
      type: 'authorization/propose',
      ...context,
      method: 'tools/call',
      arguments: { bytes: 2, commitment: ZERO_HASH, record: 'commitment' },
      argumentsDigest: sha256(Buffer.from(JSON.stringify(value))),
      signalsDigest: sha256(signals),
    },
    signals,
  }
  const decide: Entry = {
    draft: ([proposed]) => ({
      type: 'authorization/decide',
      ...context,
      parent: proposed?.hash ?? ZERO_HASH,
      decision: call.decision ?? 'allow',
      reason: 'policy_rule',
      text: '',
      control: { state: 'fresh', revision: 0 },
    }),
  }
  return [propose, decide]
}

function readEvent(record: StoredRecord): Event | undefined {
  try {
    return parseEvent(record.value)
  } catch {
    return undefined
  }
}
