// The limits of the HTTP gateway, by name: each can be set under `gateway.http.limits` in toolwarden.yaml.
import { z } from 'zod'

const MEBIBYTE = 1024 * 1024
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS

const count = z.number().int().min(1)

/** The form of `gateway.http.limits`. Sizes in bytes, times in milliseconds. */
export const httpLimits = z.strictObject({
  /** Connections of clients; above it requests are answered with 503, above twice as many connections are cut. */
  connections: count.default(12_000),
  /** Requests under way, whatever they are; more are answered with 503. */
  inFlight: count.default(10_000),
  /** Streams that clients keep open with GET. */
  streams: count.default(1_000),
  /** The body of one request. */
  bodyBytes: count.max(64 * MEBIBYTE).default(16 * MEBIBYTE),
  /** Bodies of requests, all together; and the held answers of each server. */
  heldBytes: count.default(256 * MEBIBYTE),
  /** An answer up to this size is held whole; a longer one streams, and its end is held. */
  answerBytes: count.default(16 * MEBIBYTE),
  /** The longest answer, and the longest event of a stream. */
  longAnswerBytes: count.max(512 * MEBIBYTE).default(128 * MEBIBYTE),
  headerBytes: count.min(1024).default(16 * 1024),
  /** Sessions of one server. */
  sessions: count.default(10_000),
  /** A client's header block, and its whole request. Ten thousand calls at once keep a busy machine from reading for ten seconds. */
  headersMs: count.default(30 * SECOND_MS),
  requestMs: count.default(60 * SECOND_MS),
  /** A client's connection between two requests. */
  keepAliveMs: count.default(5 * SECOND_MS),
  /** A client that takes nothing of its answer. */
  stalledClientMs: count.default(60 * SECOND_MS),
  connectMs: count.default(10 * SECOND_MS),
  /** A call, from the forwarding to its answer. */
  callMs: count.default(60 * MINUTE_MS),
  /** How long a call whose stream ended can be answered on a resumed one, or after its client is gone. */
  resumeMs: count.default(5 * MINUTE_MS),
  /** How long the answer of a cancelled call is waited for. */
  cancelGraceMs: count.default(5 * SECOND_MS),
  /** A session that nobody uses. */
  sessionIdleMs: count.default(24 * 60 * MINUTE_MS),
  /** The quiet after which a caller without a session id begins another conversation. */
  quietMs: count.default(30 * MINUTE_MS),
  /** How long requests under way may take once the gateway stops. */
  stopMs: count.default(5 * SECOND_MS),
})
/** Checked limits. */
export type HttpLimits = z.infer<typeof httpLimits>
