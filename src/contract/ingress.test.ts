import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import {
  CreateInstance,
  ingressWarnings,
  MAX_INGRESS_BODY_BYTES,
  readIngress,
  UpdateInstance,
} from './ingress.ts'

const chatwoot = {
  route: 'chatwoot',
  mode: 'async',
  verify: 'core',
  maxBodyBytes: 262_144,
  signature: {
    scheme: 'hmac-sha256',
    header: 'X-Chatwoot-Signature',
    contentTemplate: '{timestamp}.{rawBody}',
    prefix: 'sha256=',
    timestampHeader: 'X-Chatwoot-Timestamp',
    toleranceSec: 300,
    dedupHeader: 'X-Chatwoot-Delivery',
  },
  conversationId: { jsonPointer: '/conversation/id' },
}
const manifest = (route: object = {}, more: object = {}) => ({
  sdkVersion: '1',
  permissions: ['webhook:ingress'],
  ingress: [{ ...chatwoot, ...route }],
  ...more,
})
const read = (input: object, allowUnsigned = false) => readIngress(input, { allowUnsigned })
const issues = (input: object) =>
  read(input).issues.map(({ path, message }) => `${path.join('.')}: ${message}`)

describe('a manifest', () => {
  it.each([
    ['of Chatwoot', manifest()],
    [
      'of Supabase',
      manifest({
        route: 'send-sms',
        signature: { scheme: 'standard-webhooks' },
        conversationId: { jsonPointer: '/user/id' },
        response: {
          preflight: [{ type: 'session-alive' }],
          ack: { status: 200, body: '{"ok":true}', headers: { 'Content-Type': 'application/json' } },
        },
      }),
    ],
    ['without an SDK version', manifest({}, { sdkVersion: undefined })],
    ['with a minor', manifest({}, { sdkVersion: '1.4' })],
    ['with unknown fields', manifest({ later: true, signature: { ...chatwoot.signature, later: 1 } })],
    ['without routes', { ingress: [] }],
    ['without ingress', { sdkVersion: 2, permissions: [] }],
    ['with the dedup header outside', manifest({ dedupHeader: 'x-id' })],
    ['with the other modes', manifest({ mode: 'sync-reply', verify: 'self', dedupOn: 'body' })],
  ])('%s loads', (_, input) => expect(issues(input)).toEqual([]))

  it.each<[string, object, string]>([
    [
      'ingress of another shape',
      manifest({}, { ingress: { route: 'x' } }),
      'ingress: manifest.json ingress must be an array of routes',
    ],
    [
      'another major',
      manifest({}, { sdkVersion: '2' }),
      'sdkVersion: SDK major "2" is not supported by this host (supports 1)',
    ],
    [
      'junk for a version',
      manifest({}, { sdkVersion: 'one' }),
      'sdkVersion: SDK major "one" is not supported by this host (supports 1)',
    ],
    [
      'a number for a version',
      manifest({}, { sdkVersion: 1 }),
      'sdkVersion: manifest.json sdkVersion must be a string such as "1"',
    ],
    [
      'no permission',
      manifest({}, { permissions: ['net:fetch'] }),
      "permissions: declares ingress routes but is missing the 'webhook:ingress' permission",
    ],
    [
      'no permissions at all',
      manifest({}, { permissions: null }),
      "permissions: declares ingress routes but is missing the 'webhook:ingress' permission",
    ],
    [
      'a route that is text',
      manifest({}, { ingress: ['chatwoot'] }),
      'ingress.0: an ingress route must be an object',
    ],
    ['no name', manifest({ route: '' }), 'ingress.0.route: duplicate or empty ingress route: it has no name'],
    [
      'a tolerance of 0',
      manifest({ signature: { ...chatwoot.signature, toleranceSec: 0 } }),
      'ingress.0.signature.toleranceSec: toleranceSec must be > 0: with less the guard against replays is none',
    ],
    [
      'a tolerance that is text',
      manifest({ signature: { ...chatwoot.signature, toleranceSec: '300' } }),
      'ingress.0.signature.toleranceSec: toleranceSec must be a number',
    ],
    ['another dedupOn', manifest({ dedupOn: 'query' }), 'ingress.0.dedupOn: dedupOn must be header or body'],
    [
      'a status of 199',
      manifest({ response: { ack: { status: 199 } } }),
      'ingress.0.response.ack.status: response.ack.status must be from 200 to 599',
    ],
    [
      'a status of 600',
      manifest({ response: { ack: { status: 600 } } }),
      'ingress.0.response.ack.status: response.ack.status must be from 200 to 599',
    ],
    [
      'a status of 200.5',
      manifest({ response: { ack: { status: 200.5 } } }),
      'ingress.0.response.ack.status: response.ack.status must be a whole number',
    ],
    [
      'a body that is no text',
      manifest({ response: { ack: { body: { ok: true } } } }),
      'ingress.0.response.ack.body: response.ack.body must be a string',
    ],
    [
      'a header name that is none',
      manifest({ response: { ack: { headers: { 'X Y': '1' } } } }),
      'ingress.0.response.ack.headers.X Y: response.ack has a header whose name is not an HTTP token',
    ],
    [
      'a header value that splits',
      manifest({ response: { ack: { headers: { 'X-Y': '1\r\nSet-Cookie: a=b' } } } }),
      'ingress.0.response.ack.headers.X-Y: has invalid characters',
    ],
    [
      'a header value that is no text',
      manifest({ response: { ack: { headers: { 'X-Y': 1 } } } }),
      'ingress.0.response.ack.headers.X-Y: must be a string',
    ],
    [
      'no signature',
      manifest({ signature: undefined }),
      'ingress.0.signature: signature must be an object with a scheme',
    ],
    [
      'another scheme',
      manifest({ signature: { scheme: 'hmac-sha1' } }),
      'ingress.0.signature.scheme: scheme must be one of hmac-sha256, shared-secret, standard-webhooks, none',
    ],
  ])('with %s does not', (_, input, message) => expect(issues(input)).toEqual([message]))

  it.each(['a/b', 'a\\b', 'a?b', 'a#b', 'a%2fb', '.', '..', 'a\nb', 'a\u0000', '\u007f'])(
    'with the route %j does not load',
    route => {
      expect(issues(manifest({ route }))).toEqual([
        'ingress.0.route: route must be one segment of a URL, without / \\ ? # % or control characters',
      ])
    },
  )

  it('with an unsigned route loads only where the operator allows that', () => {
    const input = manifest({ signature: { scheme: 'none' } })
    expect(read(input, true).issues).toEqual([])
    expect(read(input).issues).toMatchObject([
      {
        path: ['ingress', 0, 'signature', 'scheme'],
        message: expect.stringContaining('ALLOW_UNSIGNED_INGRESS=true'),
      },
    ])
  })

  it('hears of everything at once', () => {
    const input = {
      sdkVersion: '3',
      ingress: [chatwoot, chatwoot, { route: '', signature: { scheme: 'none', toleranceSec: -1 } }],
    }
    expect(issues(input).map(text => text.split(':')[0])).toEqual([
      'sdkVersion',
      'permissions',
      'ingress.1.route',
      'ingress.2.route',
      'ingress.2.signature.toleranceSec',
    ])
  })
})

it.each([
  [undefined, MAX_INGRESS_BODY_BYTES],
  [null, MAX_INGRESS_BODY_BYTES],
  [-1, MAX_INGRESS_BODY_BYTES],
  ['lots', MAX_INGRESS_BODY_BYTES],
  [1e12, MAX_INGRESS_BODY_BYTES],
  [0, 0],
  [1_024, 1_024],
  ['1024', 1_024],
])('a body limit of %j is one of %i bytes', (maxBodyBytes, bytes) => {
  expect(read(manifest({ maxBodyBytes })).routes[0]?.maxBodyBytes).toBe(bytes)
})

it('warns of what guards less than it seems to', () => {
  const warned = (signature: object, more: object = {}) =>
    ingressWarnings(read(manifest({ signature, ...more }), true).routes).map(text =>
      text.replace(/^The ingress route '\w+' (.{20}).*$/, '$1'),
    )
  const [unsigned, idless] = ['does not sign a time', 'takes the id of a de']
  const { timestampHeader: _, ...github } = { ...chatwoot.signature, contentTemplate: '{rawBody}' }
  expect(warned({ scheme: 'none' })).toEqual(['is unsigned: whoever'])
  expect(warned({ scheme: 'standard-webhooks' })).toEqual([])
  expect(warned({ scheme: 'shared-secret' })).toEqual(['names no signature h'])
  expect(warned({ scheme: 'shared-secret', header: 'x-secret' })).toEqual([])
  expect(warned(chatwoot.signature)).toEqual([idless])
  expect(warned(chatwoot.signature, { dedupOn: 'body' })).toEqual([])
  expect(warned({ ...chatwoot.signature, contentTemplate: '{rawBody}' })).toEqual([unsigned, idless])
  expect(warned(github)).toEqual([unsigned, idless])
  expect(warned(github, { dedupOn: 'body' })).toEqual([unsigned])
  expect(warned({ ...chatwoot.signature, timestampHeader: null }, { dedupOn: 'body' })).toEqual([
    'signs a timestamp bu',
  ])
})

describe('what an operator writes', () => {
  it.each([
    [{ instanceId: 'a' }, { instanceId: 'a', sessionScope: null, verifyToken: null, config: {} }],
    [{ instanceId: 'a', sessionScope: '*' }, { sessionScope: null }],
    [{ instanceId: 'a', sessionScope: 's' }, { sessionScope: 's' }],
    [{ instanceId: 'a', secret: 'v1,whsec_AAAAAAAA' }, { secret: 'v1,whsec_AAAAAAAA' }],
  ])('%j makes an instance', (input, output) => expect(v.parse(CreateInstance, input)).toMatchObject(output))

  it.each([
    {},
    { instanceId: '' },
    { instanceId: 'a:b' },
    { instanceId: 'a'.repeat(65) },
    { instanceId: 'a', secret: '' },
    { instanceId: 'a', secret: 'x'.repeat(15) },
    { instanceId: 'a', secret: 'x'.repeat(513) },
    { instanceId: 'a', sessionScope: 'x'.repeat(257) },
    { instanceId: 'a', verifyToken: 'x'.repeat(513) },
    { instanceId: 'a', enabled: false },
    { instanceId: 'a', pluginId: 'b' },
    { instanceId: 'a', config: [] },
  ])('%j does not', input => expect(v.safeParse(CreateInstance, input).success).toBe(false))

  it('may not change a secret', () => {
    expect(v.safeParse(UpdateInstance, { secret: 'x'.repeat(20) }).success).toBe(false)
    expect(v.parse(UpdateInstance, { sessionScope: '' })).toEqual({ sessionScope: null })
    expect(v.parse(UpdateInstance, {})).toEqual({})
  })
})
