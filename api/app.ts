// The API as a hono app, from its dependencies alone: no port, no file, no clock of its own.
import { OpenAPIHono } from '@hono/zod-openapi'
import { cors } from 'hono/cors'
import { methodNotAllowed } from 'hono/method-not-allowed'
import type { Registry } from 'prom-client'
import { ToolwardenError } from '../events/errors.ts'
import type { EventLog } from '../events/log.ts'
import { type Clock, uuidv7 } from '../events/time.ts'
import type { Trust } from '../events/trust.ts'
import type { ApprovalHistory } from '../ledger/approval-history.ts'
import type { Erasures } from '../ledger/erasure.ts'
import type { LegalHold } from '../ledger/legal-hold.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { TreeProofs } from '../ledger/tree-proofs.ts'
import type { VerifyReport } from '../ledger/verify-report.ts'
import { addAlerts } from './alerts.ts'
import type { ApiEnv } from './api-env.ts'
import { addApprovals } from './approvals.ts'
import { authenticate } from './authentication.ts'
import {
  BackgroundVerification,
  findVerificationProblem,
  registerVerificationMetrics,
} from './background-verification.ts'
import { addBundle, type BundleMeans } from './bundle.ts'
import { addCalls } from './calls.ts'
import { addErasures } from './erasures.ts'
import { addEvents } from './events.ts'
import { createFollowCheck } from './follow-check.ts'
import { answerHeaders, checkBody, checkHost, checkOrigin, checkQuery } from './guard.ts'
import { addHealth, type ReadinessCheck } from './health.ts'
import { addHolds } from './holds.ts'
import { addIntegrity } from './integrity.ts'
import { LiveFeed } from './live-feed.ts'
import { type ApiMetrics, createApiMetrics, measureRequests } from './metrics.ts'
import { addOpenApi } from './openapi.ts'
import type { OperatorMeans } from './operator.ts'
import { addPins } from './pins.ts'
import { addPolicies } from './policies.ts'
import { type ApiLogger, answerErrors, answerNotFound, problem, refuseInvalid } from './problem.ts'
import { addPromotions } from './promotions.ts'
import type { Prune } from './prune.ts'
import { addPrunings } from './prunings.ts'
import { addRecordedCalls } from './recorded-calls.ts'
import { addRules } from './rules.ts'
import type { ApiSettings } from './settings.ts'
import { type AboutProcess, addStatus } from './status.ts'
import { addStream, Streams } from './stream.ts'
import { addSwitches } from './switches.ts'
import type { TokenBook } from './tokens.ts'
import { addTree, carryCheckpoint } from './tree.ts'
import { Verification, type Verify } from './verification.ts'

/** What the API is made of; all of it is opened and closed by its owner. */
export interface ApiDependencies {
  readonly settings: ApiSettings
  readonly about: AboutProcess
  readonly history: LedgerHistory
  readonly approvals: ApprovalHistory
  readonly erasures: Erasures
  readonly prune: Prune
  readonly findHolds: () => Promise<readonly LegalHold[]>
  readonly verify: Verify
  /** The check inside the store; of bodies, hashes and links alone. */
  readonly verifyQuickly: () => Promise<VerifyReport>
  readonly tree: TreeProofs
  readonly writeBundle: BundleMeans['writeBundle']
  readonly eventLog: EventLog
  readonly trust: Trust
  readonly operator: OperatorMeans
  readonly tokens: TokenBook
  readonly clock: Clock
  readonly logger: ApiLogger
  /** Metrics of the whole process; the API adds its own. */
  readonly registry: Registry
  /** What else has to work before this process is ready. */
  readonly checks?: readonly ReadinessCheck[]
}

/** The app, and what of it has to be started and stopped. */
export interface Api {
  readonly app: OpenAPIHono<ApiEnv>
  readonly feed: LiveFeed
  readonly streams: Streams
  /** Started and stopped with the feed. */
  readonly background: BackgroundVerification
}

/** Builds the API. */
export function createApi(dependencies: ApiDependencies): Api {
  const { settings, eventLog, trust, about, tokens, clock } = dependencies
  const { limits } = settings
  const metrics = createApiMetrics(dependencies.registry)
  const feed = new LiveFeed({
    ...{ eventLog, trust, log: about.log },
    ...{ maxEvents: limits.streamEvents, maxBytes: limits.streamBytes },
  })
  const nowMillis = (): number => Math.floor(clock.nowMicros() / 1000)
  const streams = new Streams({ feed, tokens, metrics, limits, nowMillis })
  const verification = new Verification(dependencies.verify, clock)
  const { operator, logger, registry } = dependencies
  const background = new BackgroundVerification({ verification, settings: settings.verification, operator, logger })
  registerVerificationMetrics(registry, verification)
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw refuseInvalid(result.target, result.error)
    },
  })
  app.onError(answerErrors(dependencies.logger, () => uuidv7(clock.nowMicros())))
  app.notFound(answerNotFound)
  addGuards(app, dependencies, metrics)
  addRoutes(app, dependencies, { feed, streams, verification })
  addOpenApi(app, about.version)
  return { app, feed, streams, background }
}

function addGuards(app: OpenAPIHono<ApiEnv>, dependencies: ApiDependencies, metrics: ApiMetrics): void {
  const { settings, tokens, clock } = dependencies
  const { wrongTokensPerMinute } = settings.limits
  const nowMillis = (): number => Math.floor(clock.monotonicMicros() / 1000)
  app.use(measureRequests(metrics), ...answerHeaders(), checkHost(settings), checkOrigin(settings))
  if (settings.allowedOrigins.length > 0) app.use(cors({ origin: settings.allowedOrigins, allowHeaders: CORS_HEADERS }))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerWrongMethod }), checkQuery(), ...checkBody(settings.limits))
  const authentication = authenticate({ tokens, metrics, wrongTokensPerMinute, nowMillis })
  app.use('/v1/*', authentication, carryCheckpoint(dependencies.tree))
  app.use('/tlog/tile/entries/*', authentication)
  app.use('/metrics', authentication)
}

function addRoutes(
  app: OpenAPIHono<ApiEnv>,
  dependencies: ApiDependencies,
  { feed, streams, verification }: Pick<Api, 'feed' | 'streams'> & { readonly verification: Verification },
): void {
  const { history, approvals, operator, clock, about, settings, registry, checks = [] } = dependencies
  addStatus(app, {
    ...{ about, verification },
    control: () => operator.controlReader.view,
    nowMicros: () => clock.nowMicros(),
  })
  addEvents(app, history)
  addCalls(app, { history, operator })
  addRecordedCalls(app, { history, operator })
  addAlerts(app, { history, operator })
  addApprovals(app, { history, approvals, operator, clock, settings })
  addRules(app, { history, operator, clock, publishDeadlineMs: settings.limits.publishDeadlineMs })
  addPromotions(app, { operator, clock, publishDeadlineMs: settings.limits.publishDeadlineMs })
  addSwitches(app, { operator, publishDeadlineMs: settings.limits.publishDeadlineMs })
  addPolicies(app, { operator, clock, publishDeadlineMs: settings.limits.publishDeadlineMs })
  addPins(app, { history, operator, publishDeadlineMs: settings.limits.publishDeadlineMs })
  addTree(app, dependencies.tree)
  addErasures(app, { ...dependencies })
  addPrunings(app, dependencies)
  addHolds(app, { ...dependencies })
  addBundle(app, { writeBundle: dependencies.writeBundle, operator, clock })
  addIntegrity(app, { verification, verifyQuickly: dependencies.verifyQuickly })
  addStream(app, streams)
  // What is stored is evidence of the damage: the API goes on, and says so.
  const verified = { name: 'verification', isAdvisory: true, findProblem: () => findVerificationProblem(verification) }
  addHealth(app, registry, [...ownChecks(history, feed, { operator, clock }), verified, ...checks])
}

const CORS_HEADERS = ['authorization', 'content-type', 'last-event-id']

/** The API's own conditions: it can read history, follow the log and write to it. */
function ownChecks(
  history: LedgerHistory,
  feed: LiveFeed,
  { operator: { chainWriter }, clock }: Pick<ApiDependencies, 'operator' | 'clock'>,
): readonly ReadinessCheck[] {
  return [
    { name: 'store', findProblem: () => history.ping().then(() => undefined) },
    createFollowCheck({ chainWriter, feed, clock }),
    { name: 'api chain', findProblem: () => (chainWriter.isInDoubt ? 'an append is in doubt' : undefined) },
  ]
}

const answerWrongMethod: NonNullable<Parameters<typeof methodNotAllowed<ApiEnv>>[0]['onMethodNotAllowed']> = (
  c,
  methods,
) =>
  problem(
    c,
    new ToolwardenError('REQUEST_INVALID', `this route does not take ${c.req.method}`, {
      where: c.req.path,
      fix: `Use ${methods.join(' or ')}.`,
    }),
    { status: 405, headers: { allow: methods.join(', ') } },
  )
