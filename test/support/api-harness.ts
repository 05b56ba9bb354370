// A real API in this process: file log, chain and control writers, tokens in a 0600 file; requests go in without a port.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { type Api, type ApiDependencies, createApi } from '../../api/app.ts'
import { createPrune } from '../../api/prune.ts'
import { type ApiSettings, apiSettings } from '../../api/settings.ts'
import type { Scope } from '../../api/token-file.ts'
import { createToken, TokenBook } from '../../api/tokens.ts'
import { ChainWriter } from '../../events/chain-writer.ts'
import { ControlReader } from '../../events/control-reader.ts'
import { ControlWriter } from '../../events/control-writer.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { FileLog } from '../../events/file-log.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { type Clock, systemClock } from '../../events/time.ts'
import { Trust } from '../../events/trust.ts'
import { ApprovalHistory } from '../../ledger/approval-history.ts'
import { writeBundle } from '../../ledger/bundle/write-bundle.ts'
import { Erasures } from '../../ledger/erasure.ts'
import { findLegalHolds } from '../../ledger/legal-hold.ts'
import { Prunings } from '../../ledger/pruning.ts'
import { LedgerHistory } from '../../ledger/query.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { TreeProofs } from '../../ledger/tree-proofs.ts'
import { verifyQuickly } from '../../ledger/verify-quick.ts'
import { Findings } from '../../ledger/verify-report.ts'

/** Name of the harness's ledger. */
export const LOG_NAME = 'test'

/** What a test may choose. */
export interface ApiHarnessOptions {
  readonly settings?: Record<string, unknown>
  /** The ledger's store; without it one that does not answer. */
  readonly store?: LedgerStore
  /** Where the Merkle log stands; without it there is none. */
  readonly treeDirectory?: string
  readonly verify?: ApiDependencies['verify']
  readonly clock?: Clock
}

/** A running API and all that it stands on. */
export interface ApiHarness {
  readonly api: Api
  readonly dependencies: ApiDependencies
  readonly directory: string
  readonly eventLog: FileLog
  readonly keys: Readonly<Record<'api' | 'gateway' | 'detectors' | 'ledger', KeyPair>>
  readonly tokensPath: string
  /** What the API reported to its logger. */
  readonly logged: { readonly details: object; readonly message: string }[]
  /** Sends a request with a token of all scopes, or of those given. */
  request(path: string, init?: RequestInit & { scopes?: readonly Scope[] }): Promise<Response>
  /** A new token. */
  token(...scopes: Scope[]): Promise<string>
  /** A chain of another writer on the same log. */
  writer(name: `${'gateway' | 'detectors' | 'ledger'}/${string}`): ChainWriter
  /** A chain signed with a key that nobody trusts. */
  strangerWriter(name: string, key: KeyPair): ChainWriter
  close(): Promise<void>
}

/** Starts the harness. */
export async function startApiHarness(options: ApiHarnessOptions = {}): Promise<ApiHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'toolwarden-api-'))
  const clock = options.clock ?? systemClock()
  const keys = { api: generateKey(), gateway: generateKey(), detectors: generateKey(), ledger: generateKey() }
  const trust = new Trust(
    Object.entries(keys).map(([role, key]) => ({ writer: `${role}/*`, key: key.publicKey.toString('base64url') })),
  )
  const eventLog = new FileLog({ root: join(directory, 'log'), durability: 'process', reserveBytes: 0 })
  const writers: ChainWriter[] = []
  const newWriter = (writer: string, key: KeyPair): ChainWriter => {
    const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
    const chainWriter = new ChainWriter({ eventLog, clock, log: LOG_NAME, writer, key, opening })
    writers.push(chainWriter)
    return chainWriter
  }
  const chainWriter = newWriter('api/main', keys.api)
  const controlReader = new ControlReader({ eventLog, log: LOG_NAME, trust })
  await controlReader.start()
  const control = { eventLog, clock, log: LOG_NAME, writer: 'api/main', chainWriter, reader: controlReader }
  const controlWriter = new ControlWriter(control)
  const tokensPath = join(directory, 'tokens.json')
  const logged: { details: object; message: string }[] = []
  const operator = { chainWriter, controlWriter, controlReader }
  const dependencies: ApiDependencies = {
    settings: apiSettings.parse(options.settings ?? {}) satisfies ApiSettings,
    about: {
      ...{ version: '0.0.0', log: LOG_NAME, eventLog: 'files', store: 'chdb', protection: () => ({ class: 'C' }) },
      ...{ roles: ['api'], startedMicros: clock.nowMicros() },
    },
    ...storeMeans(options.store ?? absentStore()),
    ...treeMeans(options, directory),
    prune: createPrune(pruneMeans(options, directory, { operator, clock })),
    verify: options.verify ?? (() => Promise.resolve(new Findings().report(0))),
    operator,
    tokens: new TokenBook(tokensPath, () => clock.nowMicros()),
    logger: { error: (details, message) => logged.push({ details, message }) },
    ...{ eventLog, trust, clock, registry: new Registry() },
  }
  const api = createApi(dependencies)
  await api.feed.start()
  const issue = async (scopes: readonly [Scope, ...Scope[]]): Promise<string> => {
    const means = { nowMicros: clock.nowMicros(), randomBytes }
    return (await createToken(tokensPath, { subject: 'user:ann', scopes }, means)).token
  }
  const everything = await issue(['read', 'operate', 'approve', 'admin'])
  return {
    ...{ api, dependencies, directory, eventLog, keys, tokensPath, logged },
    token: (first, ...rest) => issue([first ?? 'read', ...rest]),
    writer: (name) => newWriter(name, keys[name.slice(0, name.indexOf('/')) as 'gateway' | 'detectors' | 'ledger']),
    strangerWriter: newWriter,
    request: async (path, { scopes, headers, ...init } = {}) => {
      const [first, ...rest] = scopes ?? []
      const token = first === undefined ? everything : await issue([first, ...rest])
      const sent = { authorization: `Bearer ${token}`, host: '127.0.0.1:8787', ...(headers as Record<string, string>) }
      return api.app.request(path, { ...init, headers: sent })
    },
    close: async () => {
      api.streams.endAll()
      await api.feed.stop()
      await controlWriter.stop()
      await Promise.all(writers.map((writer) => writer.close()))
      await controlReader.stop()
      await eventLog.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function treeMeans(
  { store = absentStore(), treeDirectory }: ApiHarnessOptions,
  data: string,
): Pick<ApiDependencies, 'tree' | 'writeBundle'> {
  const directory = treeDirectory ?? join(data, 'tlog')
  return {
    tree: new TreeProofs(store, directory),
    writeBundle: (request) => writeBundle({ store, log: LOG_NAME, directory }, request),
  }
}

function storeMeans(
  store: LedgerStore,
): Pick<ApiDependencies, 'history' | 'approvals' | 'erasures' | 'findHolds' | 'verifyQuickly'> {
  return {
    history: new LedgerHistory(store),
    approvals: new ApprovalHistory(store),
    erasures: new Erasures(store),
    findHolds: () => findLegalHolds(store),
    verifyQuickly: () => verifyQuickly(store),
  }
}

function pruneMeans(
  { store = absentStore(), treeDirectory }: ApiHarnessOptions,
  data: string,
  means: Pick<ApiDependencies, 'operator' | 'clock'>,
): Parameters<typeof createPrune>[0] {
  const prunings = new Prunings(store, treeDirectory ?? join(data, 'tlog'))
  return { ...means, prunings, findHolds: () => findLegalHolds(store) }
}

/** A store that does not answer. */
function absentStore(): LedgerStore {
  const away = (): Promise<never> =>
    Promise.reject(new ToolwardenError('STORE_UNAVAILABLE', 'the store does not answer', { retriable: true }))
  return {
    claims: { findClaim: away, replaceClaim: away },
    ...{ insert: away, isStored: away, findWatermark: away, findNewestMicros: away, findHeads: away, findHashes: away },
    ...{
      insertLeaves: away,
      clearLeaves: away,
      removeDamaged: away,
      restore: away,
      planErasure: away,
      prune: away,
      carryOutErasure: away,
      select: away,
      close: () => Promise.resolve(),
    },
  }
}
