// Every setting of the gateway: one row each with its name, its schema, its default and what it is for. Read once, at start;
// all faults are reported together. Names are OpenWA's where it has them.
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { GatewayError } from '../src/contract/errors.ts'
import { GrantPolicyText } from '../src/contract/grant-policy.ts'
import { Tier, tiers } from '../src/contract/plugin-view.ts'
import { isKey } from './store/encryption-key.ts'

const flag = v.pipe(
  v.picklist(['true', 'false', '1', '0'], 'must be true or false'),
  v.transform(text => text === 'true' || text === '1'),
)
const number = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,12}$/, 'must be a whole number'),
    v.transform(Number),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  )
const list = v.pipe(
  v.string(),
  v.transform(text =>
    text
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== ''),
  ),
)
const tierByPlugin = v.pipe(
  list,
  v.check(
    entries => entries.every(entry => /^[^=]+=/.test(entry) && v.is(Tier, entry.replace(/^[^=]+=/, ''))),
    `must be a list of id=tier, each tier one of ${tiers.join(', ')}`,
  ),
  v.transform(
    entries =>
      new Map(
        entries.map(entry => [
          entry.split('=')[0]?.trim() ?? '',
          v.parse(Tier, entry.replace(/^[^=]+=/, '')),
        ]),
      ),
  ),
)
const folders = v.pipe(
  list,
  v.check(
    paths => paths.every(path => /^\/[^\u0000]*$/.test(path) && path !== '/'),
    'must be absolute paths of folders, and not /',
  ),
)
const url = (...protocols: string[]) =>
  v.pipe(
    v.string(),
    v.check(
      text => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be a ${protocols.join(' or ')} URL`,
    ),
  )
const port = number(0, 65_535)

/** What the documentation prints of each row: `npm start -- --settings`. */
export const settingsTable = {
  DATA_DIR: {
    schema: v.string(),
    fallback: 'data',
    about: 'folder of the database, the keys and the plugins',
  },
  HOST: { schema: v.string(), fallback: '127.0.0.1', about: 'address the API listens on; 0.0.0.0 for all' },
  PORT: { schema: port, fallback: '2785', about: 'port of the API; 0 takes a free one' },
  BASE_URL: { schema: url('http:', 'https:'), fallback: null, about: 'address that others reach the API by' },
  LOG_LEVEL: {
    schema: v.picklist(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be a log level, as info',
    ),
    fallback: 'info',
    about: 'least level that is logged',
  },
  NODE_ENV: {
    schema: v.string(),
    fallback: 'development',
    about: 'production hides details of refused input',
  },
  VALIDATION_ERROR_DETAIL: {
    schema: flag,
    fallback: 'false',
    about: 'details of refused input in production too',
  },
  DATABASE_URL: {
    schema: url('file:', 'libsql:', 'http:', 'https:'),
    fallback: null,
    about: 'a libsql server in place of the file in DATA_DIR',
  },
  DATABASE_AUTH_TOKEN: { schema: v.string(), fallback: null, about: 'token of that server' },
  ENCRYPTION_KEY: {
    schema: v.pipe(v.string(), v.check(isKey, 'must be 64 hex characters')),
    fallback: null,
    about: 'key of the secrets in the database; else made in DATA_DIR/encryption.key',
  },
  WHATSAPP_URL: {
    schema: url('ws:', 'wss:'),
    fallback: 'wss://web.whatsapp.com/ws/chat',
    about: 'where the sockets connect; another address is for tests',
  },
  ENGINE_TOKEN: {
    schema: v.pipe(v.string(), v.minLength(32, 'must be at least 32 characters')),
    fallback: null,
    about: 'opens the engine port for an API at the edge',
  },
  ENGINE_HOST: { schema: v.string(), fallback: '127.0.0.1', about: 'address of the engine port' },
  ENGINE_PORT: { schema: port, fallback: '2786', about: 'the engine port; only with ENGINE_TOKEN' },
  API_MASTER_KEY: {
    schema: v.pipe(v.string(), v.minLength(16, 'must be at least 16 characters'), v.maxLength(256)),
    fallback: null,
    about: 'first admin key, in place of a generated one',
  },
  API_KEY_PEPPER: { schema: v.string(), fallback: null, about: 'mixed into the hash of API keys' },
  BODY_SIZE_LIMIT: {
    schema: number(1_024, 1_073_741_824),
    fallback: '26214400',
    about: 'largest request body, in bytes',
  },
  INFLIGHT_BODY_BUDGET_BYTES: {
    schema: number(1_024, 17_179_869_184),
    fallback: null,
    about: 'bodies of all requests under way, in bytes; by default four of the largest',
  },
  TRUST_PROXY: {
    schema: list,
    fallback: '',
    about: 'proxies whose X-Forwarded-For counts, as addresses or ranges',
  },
  CORS_ORIGINS: { schema: list, fallback: '', about: 'origins that browsers may call the API from' },
  RATE_LIMIT_FAILED_KEYS: {
    schema: number(1, 1e9),
    fallback: '20',
    about: 'wrong keys that one address may show in a minute',
  },
  RATE_LIMIT_SHORT_TTL: { schema: number(1, 86_400_000), fallback: '1000', about: 'short window, ms' },
  RATE_LIMIT_SHORT_LIMIT: {
    schema: number(1, 1e9),
    fallback: '10',
    about: 'requests per address and route in it',
  },
  RATE_LIMIT_MEDIUM_TTL: { schema: number(1, 86_400_000), fallback: '60000', about: 'medium window, ms' },
  RATE_LIMIT_MEDIUM_LIMIT: {
    schema: number(1, 1e9),
    fallback: '100',
    about: 'requests per address and route in it',
  },
  RATE_LIMIT_LONG_TTL: { schema: number(1, 86_400_000), fallback: '3600000', about: 'long window, ms' },
  RATE_LIMIT_LONG_LIMIT: {
    schema: number(1, 1e9),
    fallback: '1000',
    about: 'requests per address and route in it',
  },
  SSRF_ALLOWED_HOSTS: {
    schema: list,
    fallback: '',
    about: 'hosts on private addresses that may be reached, as name or name:port',
  },
  PLUGIN_INSTALL_REQUIRE_PIN: {
    schema: flag,
    fallback: null,
    about: 'whether a plugin URL must carry #sha256=; by default in production only',
  },
  PLUGIN_CATALOG_URL: {
    schema: url('http:', 'https:'),
    fallback: null,
    about: 'list of plugins that the dashboard offers, as JSON',
  },
  SEARCH_PROVIDER: {
    schema: v.pipe(
      v.string(),
      v.regex(
        /^(auto|builtin|none|plugin:[A-Za-z0-9._-]{1,100})$/,
        'must be auto, builtin, none or plugin:<id>',
      ),
    ),
    fallback: 'auto',
    about: 'who searches messages: auto takes a plugin that offers to, else the gateway itself',
  },
  PLUGIN_TIER: {
    schema: v.picklist(tiers, `must be one of ${tiers.join(', ')}`),
    fallback: 'process',
    about: 'where plugins run',
  },
  PLUGIN_TIER_WEAKEST: {
    schema: v.picklist(tiers, `must be one of ${tiers.join(', ')}`),
    fallback: 'worker',
    about: 'no plugin runs in a tier below this one',
  },
  PLUGIN_TIERS: {
    schema: tierByPlugin,
    fallback: '',
    about: 'tiers of single plugins, as id=tier,id=tier',
  },
  PLUGIN_TRUSTED: {
    schema: list,
    fallback: '',
    about: 'ids of plugins that run even where their tier is no boundary',
  },
  PLUGIN_FS_ROOTS: {
    schema: folders,
    fallback: '',
    about: 'folders below which plugins may be given paths that they ask for, with commas between',
  },
  PLUGIN_GRANT_POLICY: {
    schema: GrantPolicyText,
    fallback: '{}',
    about:
      'what plugins are given without asking when they ask, as JSON: {"<id>":{"limits":{"memoryMb":128},"env":["NAME"]}}',
  },
  PLUGIN_UID: {
    schema: number(1, 4_294_960_000),
    fallback: null,
    about: 'first of 1000 user ids for plugins where the gateway is root and bubblewrap is missing',
  },
  PLUGIN_CGROUP: {
    schema: v.pipe(v.string(), v.regex(/^(auto|off|\/.*)$/, 'must be auto, off or an absolute path')),
    fallback: 'auto',
    about:
      'control group in which plugins get theirs: the folder of one, auto for that of the gateway, or off',
  },
  ALLOW_UNSIGNED_INGRESS: {
    schema: flag,
    fallback: 'false',
    about: 'whether plugins may take webhooks without a signature',
  },
  INGRESS_INSTANCE_TTL: { schema: number(1, 86_400_000), fallback: '60000', about: 'window of webhooks, ms' },
  INGRESS_INSTANCE_LIMIT: {
    schema: number(1, 1e9),
    fallback: '120',
    about: 'authentic webhooks per instance in it',
  },
  INGRESS_IP_LIMIT: { schema: number(1, 1e9), fallback: '1200', about: 'webhooks per address in it' },
  INGRESS_TIMESTAMP_TOLERANCE_SEC: {
    schema: number(1, 86_400),
    fallback: '300',
    about: 'how old or early a signed timestamp may be where the route does not say',
  },
  INGRESS_WORKER_CONCURRENCY: {
    schema: number(1, 1_000),
    fallback: '10',
    about: 'webhook handlers that run at once',
  },
  INGRESS_DISPATCH_TIMEOUT_MS: {
    schema: number(100, 600_000),
    fallback: '5000',
    about: 'time for one webhook handler',
  },
  INGRESS_DEDUP_RETENTION_DAYS: {
    schema: number(1, 365),
    fallback: '7',
    about: 'days that a webhook is known against repeats',
  },
  INGRESS_RETENTION_DAYS: {
    schema: number(1, 3_650),
    fallback: '90',
    about: 'days that a webhook may wait for its plugin, and that a failed one can be taken up again',
  },
  INGRESS_MAX_WAITING: {
    schema: number(1, 1_000_000),
    fallback: '10000',
    about: 'webhooks of one instance that may wait, and failed ones of it that are kept',
  },
  EVENT_LOG_MAX_DAYS: { schema: number(1, 3_650), fallback: '7', about: 'age at which events leave the log' },
  EVENT_LOG_MAX_MB: {
    schema: number(1, 1_000_000),
    fallback: '512',
    about: 'size at which the oldest events leave the log',
  },
  DEAD_LETTER_MAX_DAYS: {
    schema: number(1, 3_650),
    fallback: '30',
    about: 'for how long deliveries that were given up are listed',
  },
  WEBHOOK_MAX_PAYLOAD_BYTES: {
    schema: number(1_024, 16_777_216),
    fallback: '1048576',
    about: 'largest body of a webhook',
  },
  WEBHOOK_MEDIA_INLINE_MAX_BYTES: {
    schema: number(0, 16_777_216),
    fallback: '1048576',
    about: 'largest media inside an event; 0 for none',
  },
  BULK_MAX_CONCURRENT_BATCHES: {
    schema: number(1, 10_000),
    fallback: '50',
    about: 'bulk sends of a session that may be under way at once',
  },
  AUTOMATION_MAX_PER_SESSION: {
    schema: number(1, 1_000),
    fallback: '32',
    about: 'automation rules that one session may have',
  },
  HISTORY_MAX_MESSAGES: {
    schema: number(0, 10_000_000),
    fallback: '20000',
    about: 'messages of its history that a newly linked session stores; 0 for none',
  },
  HISTORY_MAX_MB: {
    schema: number(0, 100_000),
    fallback: '64',
    about: 'what those may weigh, in MiB',
  },
  HISTORY_MEDIA_DAYS: {
    schema: number(0, 36_500),
    fallback: '0',
    about:
      'age in days up to which files of history are fetched in the background; older ones when somebody asks',
  },
  MESSAGE_LIST_INLINE_MEDIA_BUDGET_BYTES: {
    schema: number(0, 268_435_456),
    fallback: '8388608',
    about: 'what a list of messages may hold of files, in bytes; 0 for none',
  },
  ENGINE_NAME: {
    schema: v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9._-]{1,63}$/, 'must be up to 63 letters, digits, dots, dashes and underscores'),
    ),
    fallback: null,
    about: 'what others on the same database call this engine; the name of the machine by default',
  },
  SESSION_LEASE_MS: {
    schema: number(1_000, 600_000),
    fallback: '30000',
    about: 'after so long without a sign of life another engine on the same database takes sessions over, ms',
  },
  MAX_SESSIONS: { schema: number(1, 10_000), fallback: '250', about: 'sessions that may run at once' },
  SIMULATE_TYPING: { schema: flag, fallback: 'true', about: 'whether readers see typing before a message' },
  SIMULATE_TYPING_MAX_MS: { schema: number(0, 60_000), fallback: '5000', about: 'longest typing, ms' },
  MEDIA_DOWNLOAD_MAX_BYTES: {
    schema: number(1, 2_147_483_648),
    fallback: '52428800',
    about: 'largest file that is sent, in bytes',
  },
  MEDIA_INCOMING_MAX_BYTES: {
    schema: number(0, 2_147_483_648),
    fallback: '104857600',
    about: 'largest file of a message that is fetched, in bytes; 0 fetches none',
  },
  MEDIA_STORE_MAX_MB: {
    schema: number(1, 100_000_000),
    fallback: '20480',
    about: 'room for files of messages in DATA_DIR, in MiB; the oldest go first',
  },
  MEDIA_STORE_MAX_DAYS: {
    schema: number(0, 36_500),
    fallback: '0',
    about: 'days that files of messages are kept; 0 for ever',
  },
  SHUTDOWN_GRACE_MS: { schema: number(0, 600_000), fallback: '15000', about: 'time to end in after SIGTERM' },
} as const satisfies Record<
  string,
  { schema: v.GenericSchema<string, unknown>; fallback: string | null; about: string }
>

type Table = typeof settingsTable
type Value<K extends keyof Table> =
  | v.InferOutput<Table[K]['schema']>
  | (Table[K]['fallback'] extends null ? null : never)
export type Settings = { readonly [K in keyof Table]: Value<K> }

/**
 * The settings from an environment. An empty value counts as not set. Throws `settings_invalid` with every fault, each
 * naming the setting and what it must be; values are not repeated, as some are secrets.
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const settings: Record<string, unknown> = {}
  const faults: string[] = []
  for (const [name, { schema, fallback }] of Object.entries(settingsTable)) {
    const text = env[name] || fallback
    if (text === null) {
      settings[name] = null
      continue
    }
    const parsed = v.safeParse(schema, text)
    if (parsed.success) settings[name] = parsed.output
    else faults.push(`${name} ${parsed.issues[0].message}`)
  }
  if (faults.length > 0)
    throw new GatewayError(
      'settings_invalid',
      `Wharf does not start, since settings are wrong: ${faults.join('; ')}.`,
      {
        details: { faults },
      },
    )
  return settings as Settings
}

/** The version of this gateway, from its package.json. */
export const PACKAGE_JSON = fileURLToPath(new URL('../package.json', import.meta.url))
