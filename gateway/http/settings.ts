// `gateway.http` and `gateway.upstreams` in toolwarden.yaml: where the gateway listens, and the servers behind it.
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { httpLimits } from './limits.ts'

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** Fields that the gateway writes itself. */
const OWN_FIELD = /^(?:host|content-length|transfer-encoding|connection|accept-encoding|upgrade)$/i

const absolutePath = z.string().refine(isAbsolute, 'expected an absolute path')

/** `host:port` of `--listen` and `gateway.http.listen`; `[::1]:0` too. */
export const listenAddress = z
  .string()
  .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'expected host:port')
  .transform((text) => {
    const colon = text.lastIndexOf(':')
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
  })
  .refine(({ port }) => port <= 65_535, 'expected a port, 0 to 65535')

/** The URL of an upstream; what is secret in it belongs into `headers`. */
export const upstreamUrl = z
  .url({ protocol: /^https?$/ })
  .refine((url) => !/^\w+:\/\/[^/?#]*@/.test(url), 'credentials belong into headers')
  .refine((url) => !url.includes('#'), 'a fragment is never sent')

const fieldValue = z.string().regex(FIELD_VALUE, 'expected a field value')

/** The name of an upstream: it stands in the path and in the name of the writer. */
export const upstreamName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'expected 1 to 64 letters, digits and . _ @ -')

/** The name of a static field. */
export const headerField = z
  .string()
  .regex(FIELD_NAME, 'expected a field name')
  .refine((name) => !OWN_FIELD.test(name), 'the gateway writes this field')

const upstream = z
  .strictObject({
    url: upstreamUrl.optional(),
    /** A server that speaks stdio, instead of `url`: program and arguments. */
    command: z.array(z.string().min(1)).min(1).optional(),
    /** Static fields, sent upstream and never recorded; `{ env: NAME }` reads the value from the environment. */
    headers: z.record(headerField, z.union([fieldValue, z.strictObject({ env: z.string().min(1) })])).default({}),
    /** PEM file of the certificates to believe instead of the system's. */
    ca: absolutePath.optional(),
    /** Where the server takes relative paths from. */
    root: absolutePath.optional(),
    /** True for a server on another machine: paths are checked by their text alone. A `url` is remote unless told. */
    remote: z.boolean().optional(),
    /** A policy file of its own. */
    policy: absolutePath.optional(),
    /** Fields that are taken out of the server's responses where else the response would be refused. */
    drop: z.array(z.enum(['alt-svc', 'upgrade', 'refresh'])).default([]),
  })
  .refine(
    ({ url, command }) => (url === undefined) !== (command === undefined),
    'expected url or command, and not both',
  )

/** The form of `gateway.upstreams`. */
export const upstreamSettings = z.record(upstreamName, upstream)

/** The form of `gateway.http`. */
export const httpSettings = z.strictObject({
  listen: listenAddress.optional(),
  /** PEM files. */
  tls: z.strictObject({ cert: absolutePath, key: absolutePath }).optional(),
  /** Allows to listen beyond this machine. */
  allowRemote: z.boolean().default(false),
  /** Names that clients address the gateway by, `host` or `host:port`, beside those of this machine. */
  allowedHosts: z.array(z.string()).default([]),
  /** Origins of web pages that may send requests, beside the gateway's own. */
  allowedOrigins: z.array(z.string()).default([]),
  /** Lets everybody on this machine call without a token. */
  anonymous: z.boolean().default(false),
  limits: httpLimits.prefault({}),
})
/** Checked settings of one upstream. */
export type UpstreamSettings = z.infer<typeof upstream>
