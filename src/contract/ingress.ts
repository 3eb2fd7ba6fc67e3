// Webhooks from outside: what a manifest declares of its routes and the rules for it (plugin contract, section 13), and the
// instances that an operator provisions (REST spec, section 16). How a request is handled is the engine's business.
import * as v from 'valibot'

/** The major of OpenWA's integration SDK that this host speaks. */
export const INGRESS_SDK_MAJOR = 1

/** Routes of one plugin: each is a public address, and a manifest with more is made to fill the routing table. */
const MAX_ROUTES = 64

/**
 * Largest body that any route takes. It crosses to the plugin as a JSON string, where each character may need two bytes,
 * so that with headers it stays below MAX_FRAME_BYTES. A route may ask for less, never for more.
 */
export const MAX_INGRESS_BODY_BYTES = 4 * 1024 * 1024

export const signatureSchemes = ['hmac-sha256', 'shared-secret', 'standard-webhooks', 'none'] as const
export type SignatureScheme = (typeof signatureSchemes)[number]

/** An RFC 9110 token: what a header may be called. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
const HeaderName = v.pipe(v.string('must be a header name'), v.regex(TOKEN, 'must be a header name'))
const Param = v.pipe(v.string('must be a name'), v.nonEmpty('must not be empty'), v.maxLength(128))

const Signature = v.object(
  {
    scheme: v.picklist(signatureSchemes, `scheme must be one of ${signatureSchemes.join(', ')}`),
    header: v.nullish(HeaderName),
    /** What is signed: text with the tokens `{rawBody}`, `{timestamp}` and `{id}` (the id of the instance). */
    contentTemplate: v.nullish(v.pipe(v.string(), v.maxLength(1_024)), '{rawBody}'),
    encoding: v.nullish(v.picklist(['hex', 'base64'], 'encoding must be hex or base64'), 'hex'),
    prefix: v.nullish(v.pipe(v.string(), v.maxLength(64)), ''),
    timestampHeader: v.nullish(HeaderName),
    /** In seconds; null takes the setting INGRESS_TIMESTAMP_TOLERANCE_SEC. */
    toleranceSec: v.nullish(
      v.pipe(
        v.number('toleranceSec must be a number'),
        v.check(
          seconds => seconds > 0,
          'toleranceSec must be > 0: with less the guard against replays is none',
        ),
      ),
    ),
    dedupHeader: v.nullish(HeaderName),
  },
  'signature must be an object with a scheme',
)
export type IngressSignature = v.InferOutput<typeof Signature>

/** A string with only visible characters, spaces and tabs: no CR or LF, by which one header becomes two. */
const HeaderValue = v.pipe(
  v.string('must be a string'),
  v.maxLength(1_024),
  v.regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'has invalid characters'),
)

/**
 * What `x-` headers begin with that are not a plugin's: some speak for the origin that the dashboard lives on, some have a server
 * in front give out its own files (`x-accel-redirect`, `x-sendfile`), some are the gateway's.
 */
export const heldAckHeaders = [
  'x-accel-',
  'x-content-',
  'x-dns-prefetch-',
  'x-forwarded-',
  'x-frame-',
  'x-lighttpd-',
  'x-litespeed-',
  'x-permitted-',
  'x-ratelimit-',
  'x-reproxy-',
  'x-sendfile',
  'x-ua-',
  'x-webkit-',
  'x-xss-',
] as const

/** Whether a declared acknowledgement sets this header, named in lower case: nothing that servers and browsers act on. */
export const isAckHeader = (name: string): boolean =>
  name === 'content-type' || (name.startsWith('x-') && !heldAckHeaders.some(held => name.startsWith(held)))

/** Media types of an acknowledgement that no browser executes; any other becomes `text/plain`. */
export const ackMediaTypes = ['application/json', 'text/plain'] as const

const Ack = v.object({
  status: v.nullish(
    v.pipe(
      v.number('response.ack.status must be a number'),
      v.integer('response.ack.status must be a whole number'),
      v.minValue(200, 'response.ack.status must be from 200 to 599'),
      v.maxValue(599, 'response.ack.status must be from 200 to 599'),
    ),
    202,
  ),
  /** A template with `{rawBody}`, `{timestamp}` (now, in seconds) and `{id}` (of the delivery). */
  body: v.nullish(v.pipe(v.string('response.ack.body must be a string'), v.maxLength(8_192)), ''),
  headers: v.nullish(
    v.record(
      v.pipe(v.string(), v.regex(TOKEN, 'response.ack has a header whose name is not an HTTP token')),
      HeaderValue,
      'response.ack.headers must be an object',
    ),
    {},
  ),
})
export type IngressAck = v.InferOutput<typeof Ack>

/** One segment of a path, as it stands in a URL without being encoded. */
function isSegment(route: string): boolean {
  return route !== '.' && route !== '..' && !/[/\\?#%\x00-\x1f\x7f]/.test(route)
}

export const IngressRoute = v.object(
  {
    route: v.pipe(
      v.string('route must be a string'),
      v.nonEmpty('duplicate or empty ingress route: it has no name'),
      v.maxLength(128, 'route is longer than 128 characters'),
      v.check(isSegment, 'route must be one segment of a URL, without / \\ ? # % or control characters'),
    ),
    /** `sync-reply` means nothing: the answer is always `response.ack`, and the handler runs after it. */
    mode: v.nullish(v.picklist(['async', 'sync-reply'], 'mode must be async or sync-reply'), 'async'),
    signature: Signature,
    challenge: v.nullish(
      v.object({
        method: v.literal('GET', 'challenge.method must be GET'),
        tokenParam: Param,
        echoParam: Param,
      }),
    ),
    /** OpenWA's hint; the host verifies either way. */
    verify: v.nullish(v.picklist(['core', 'self'], 'verify must be core or self'), 'core'),
    // A value that expresses no limit takes the host's, as in OpenWA.
    maxBodyBytes: v.fallback(
      v.pipe(
        v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,12}$/), v.transform(Number))]),
        v.minValue(0),
        v.transform(bytes => Math.min(bytes, MAX_INGRESS_BODY_BYTES)),
      ),
      MAX_INGRESS_BODY_BYTES,
    ),
    conversationId: v.nullish(
      v.object({
        header: v.nullish(HeaderName),
        jsonPointer: v.nullish(v.pipe(v.string('jsonPointer must be a string'), v.maxLength(512))),
      }),
    ),
    response: v.nullish(
      v.object({
        preflight: v.nullish(
          v.pipe(v.array(v.object({ type: v.literal('session-alive') })), v.maxLength(8)),
          [],
        ),
        ack: v.nullish(Ack),
        deadlineMs: v.nullish(v.number()),
      }),
    ),
    dedupOn: v.nullish(v.picklist(['header', 'body'], 'dedupOn must be header or body')),
    /** Older manifests have it here instead of in `signature`. */
    dedupHeader: v.nullish(HeaderName),
  },
  'an ingress route must be an object',
)
export type IngressRoute = v.InferOutput<typeof IngressRoute>

const Routes = v.pipe(
  v.array(v.unknown(), 'manifest.json ingress must be an array of routes'),
  v.maxLength(MAX_ROUTES, `manifest.json ingress has more than ${MAX_ROUTES} routes`),
)

export interface IngressIssue {
  /** From the manifest down: `['ingress', 0, 'signature', 'toleranceSec']`. */
  path: (string | number)[]
  message: string
}

/** What of a manifest matters here, before it is known to be well formed. */
export interface IngressDeclaration {
  ingress?: unknown
  sdkVersion?: unknown
  permissions?: unknown
}

/**
 * The routes of a manifest, and everything that is wrong with them; a manifest without `ingress` has neither. A plugin
 * with issues must not be loaded. `allowUnsigned` is the setting ALLOW_UNSIGNED_INGRESS.
 */
export function readIngress(
  manifest: IngressDeclaration,
  rules: { allowUnsigned: boolean },
): { routes: IngressRoute[]; issues: IngressIssue[] } {
  if (manifest.ingress === undefined || manifest.ingress === null) return { routes: [], issues: [] }
  const list = v.safeParse(Routes, manifest.ingress)
  if (!list.success) return { routes: [], issues: [{ path: ['ingress'], message: list.issues[0].message }] }
  if (list.output.length === 0) return { routes: [], issues: [] }

  const issues = declarationIssues(manifest)
  const routes: IngressRoute[] = []
  const seen = new Set<string>()
  for (const [index, entry] of list.output.entries()) {
    const at = (...rest: (string | number)[]) => ['ingress', index, ...rest]
    const parsed = v.safeParse(IngressRoute, entry)
    if (!parsed.success) {
      for (const issue of parsed.issues) issues.push({ path: at(...pathOf(issue)), message: issue.message })
      continue
    }
    const route = parsed.output
    if (seen.has(route.route))
      issues.push({ path: at('route'), message: `duplicate or empty ingress route '${route.route}'` })
    if (route.signature.scheme === 'none' && !rules.allowUnsigned)
      issues.push({
        path: at('signature', 'scheme'),
        message: `The route '${route.route}' asks for no signature, so that anyone can make the plugin act. Set ALLOW_UNSIGNED_INGRESS=true to allow such routes`,
      })
    seen.add(route.route)
    routes.push(route)
  }
  return { routes, issues }
}

function declarationIssues({ sdkVersion, permissions }: IngressDeclaration): IngressIssue[] {
  const issues: IngressIssue[] = []
  const supported = `is not supported by this host (supports ${INGRESS_SDK_MAJOR})`
  if (sdkVersion !== undefined && sdkVersion !== null) {
    const major = typeof sdkVersion === 'string' ? /^(\d{1,4})(\.\d{1,6}){0,2}$/.exec(sdkVersion)?.[1] : null
    if (typeof sdkVersion !== 'string')
      issues.push({ path: ['sdkVersion'], message: 'manifest.json sdkVersion must be a string such as "1"' })
    else if (Number(major) !== INGRESS_SDK_MAJOR)
      issues.push({
        path: ['sdkVersion'],
        message: `SDK major ${JSON.stringify(sdkVersion).slice(0, 40)} ${supported}`,
      })
  }
  if (!Array.isArray(permissions) || !permissions.includes('webhook:ingress'))
    issues.push({
      path: ['permissions'],
      message: "declares ingress routes but is missing the 'webhook:ingress' permission",
    })
  return issues
}

const pathOf = (issue: v.BaseIssue<unknown>) =>
  (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))

/** What an operator should know of routes that load but guard less than they seem to. */
export function ingressWarnings(routes: readonly IngressRoute[]): string[] {
  return routes.flatMap(declared => {
    const { route, signature } = declared
    if (signature.scheme === 'none')
      return [`The ingress route '${route}' is unsigned: whoever reaches it can make the plugin act.`]
    if (signature.scheme === 'standard-webhooks') return []
    if (!signature.header)
      return [`The ingress route '${route}' names no signature header, so it refuses every request.`]
    return signature.scheme === 'hmac-sha256' ? hmacWarnings(declared) : []
  })
}

/** How a request that somebody has seen can be sent again. */
function hmacWarnings({ route, signature, dedupOn }: IngressRoute): string[] {
  const { timestampHeader, contentTemplate } = signature
  const signsTime = contentTemplate.includes('{timestamp}')
  const warnings: string[] = []
  if (!signsTime)
    warnings.push(
      `The ingress route '${route}' does not sign a timestamp, so a seen request can be replayed at any time.`,
    )
  else if (!timestampHeader)
    warnings.push(`The ingress route '${route}' signs a timestamp but names no header for it.`)
  if (dedupOn !== 'body')
    warnings.push(
      `The ingress route '${route}' takes the id of a delivery from a header that is not signed, so a seen request passes for a new one under another id. With dedupOn "body" it does not.`,
    )
  return warnings
}

/** Free of `:` and `/`, since the id stands in URLs and in keys beside others. */
export const InstanceId = v.pipe(
  v.string('must be a string'),
  v.regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must match ^[a-zA-Z0-9_-]{1,64}$'),
)

/** The session that an instance speaks for; null, `*` and nothing mean every one. */
const SessionScope = v.pipe(
  v.nullable(v.pipe(v.string('must be a string'), v.maxLength(256, 'must be at most 256 characters'))),
  v.transform(scope => (scope === '' || scope === '*' ? null : scope)),
)
/** valibot takes an array for a record, and makes an empty object of it. */
const Config = v.pipe(
  v.custom<Record<string, unknown>>(
    input => typeof input === 'object' && input !== null && !Array.isArray(input),
    'must be an object',
  ),
  v.record(v.string(), v.unknown()),
)

export const CreateInstance = v.strictObject({
  instanceId: InstanceId,
  sessionScope: v.optional(SessionScope, null),
  verifyToken: v.optional(
    v.nullable(v.pipe(v.string('must be a string'), v.maxLength(512, 'must be at most 512 characters'))),
    null,
  ),
  /** Given where the other side sets it, as with `v1,whsec_…`; else one is made. */
  secret: v.optional(
    v.pipe(
      v.string('must be a string'),
      v.minLength(16, 'must be at least 16 characters'),
      v.maxLength(512, 'must be at most 512 characters'),
    ),
  ),
  config: v.optional(Config, {}),
})
export type CreateInstance = v.InferOutput<typeof CreateInstance>

export const UpdateInstance = v.strictObject({
  enabled: v.optional(v.boolean('must be true or false')),
  sessionScope: v.optional(SessionScope),
  /** Replaces the stored one; a masked secret in it keeps its value. */
  config: v.optional(Config),
})
export type UpdateInstance = v.InferOutput<typeof UpdateInstance>

/** `secret` and `verifyToken` are clear only in the answers to create and regenerate. */
export const InstanceView = v.strictObject({
  id: v.string(),
  pluginId: v.string(),
  instanceId: v.string(),
  sessionScope: v.nullable(v.string()),
  secret: v.string(),
  verifyToken: v.nullable(v.string()),
  config: Config,
  enabled: v.boolean(),
  createdAt: v.string(),
  updatedAt: v.string(),
  /** Absolute where the setting BASE_URL is known. */
  ingressUrls: v.array(v.strictObject({ route: v.string(), url: v.string() })),
})
export type InstanceView = v.InferOutput<typeof InstanceView>

/** Dead letters that one call takes up again, so that a flood of them does not become a flood of messages. */
export const REDRIVE_BATCH = 100

export const Redriven = v.strictObject({
  redriven: v.number(),
  remaining: v.number(),
  batchSize: v.literal(REDRIVE_BATCH),
})
export type Redriven = v.InferOutput<typeof Redriven>

/** A request as it came in, for the engine. Ids are plain strings: an unknown one is answered, not refused. */
export const IngressRequest = v.strictObject({
  pluginId: v.string(),
  instanceId: v.string(),
  route: v.string(),
  method: v.string(),
  /** Names in lower case. */
  headers: v.record(v.string(), v.string()),
  query: v.record(v.string(), v.string()),
  /** Base64 of the bytes on the wire, which the signature is over. */
  rawBody: v.string(),
  clientIp: v.string(),
})
export type IngressRequest = v.InferOutput<typeof IngressRequest>

export const IngressAnswer = v.strictObject({
  status: v.number(),
  headers: v.record(v.string(), v.string()),
  body: v.string(),
})
export type IngressAnswer = v.InferOutput<typeof IngressAnswer>

/** What a plugin's handler gets: OpenWA's WebhookRequest. */
export const WebhookRequest = v.strictObject({
  instanceId: v.string(),
  method: v.string(),
  /** Names in lower case; what authenticates is `[redacted]`. */
  headers: v.record(v.string(), v.string()),
  query: v.record(v.string(), v.string()),
  body: v.string(),
  rawBody: v.string(),
  /** False only on a route without a signature. */
  verified: v.boolean(),
  deliveryId: v.string(),
  sessionId: v.optional(v.string()),
})
export type WebhookRequest = v.InferOutput<typeof WebhookRequest>
