// What an API key is: how it looks, what it may grant to another, and how a row is shown.
import * as v from 'valibot'
import { ChatId, Uuid } from '../contract/ids.ts'
import type { ApiKeyRow } from '../db/api-keys.ts'
import { type IpRange, isSubrange, parseIpRange } from './ip.ts'
import { roles } from './route.ts'

/** Long enough for any master key; a longer one is hashed by nobody. */
export const MAX_KEY_LENGTH = 256

/** Characters of the key that are stored in clear, to tell keys apart. */
const PREFIX_LENGTH = 12

/** Entries that one list of a key may have. */
const MAX_LIST = 1_000

export const keyPrefix = (key: string): string => key.slice(0, PREFIX_LENGTH)

export function newKey(randomBytes: (length: number) => Uint8Array): string {
  return `owa_k1_${hex(randomBytes(32))}`
}

/** A version 4 UUID. */
export function newUuid(randomBytes: (length: number) => Uint8Array): string {
  const bytes = randomBytes(16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

const list = <S extends v.GenericSchema>(item: S) =>
  v.pipe(v.array(item, 'must be a list'), v.maxLength(MAX_LIST, `must have at most ${MAX_LIST} entries`))

const IpOrRange = v.pipe(
  v.string('must be an IP address or a range like 10.0.0.0/8'),
  v.check(text => parseIpRange(text) !== null, 'must be an IP address or a range like 10.0.0.0/8'),
)

const ExpiresAt = v.pipe(
  v.string('must be a date like 2030-01-31T00:00:00Z'),
  v.regex(
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$/,
    'must be a date like 2030-01-31T00:00:00Z',
  ),
  v.check(text => !Number.isNaN(Date.parse(text)), 'must be a date that exists'),
)

const fields = {
  name: v.pipe(
    v.string('must be a string'),
    v.trim(),
    v.minLength(3, 'must be at least 3 characters'),
    v.maxLength(100, 'must be at most 100 characters'),
  ),
  role: v.picklist(roles, `must be one of ${roles.join(', ')}`),
  allowedIps: list(IpOrRange),
  allowedSessions: list(Uuid),
  allowedChats: list(ChatId),
}

export const CreateApiKey = v.strictObject({
  name: fields.name,
  role: v.optional(fields.role, 'operator'),
  allowedIps: v.optional(fields.allowedIps),
  allowedSessions: v.optional(fields.allowedSessions),
  allowedChats: v.optional(fields.allowedChats),
  expiresAt: v.optional(ExpiresAt),
})

/** An empty list and a null date lift the restriction. */
export const UpdateApiKey = v.strictObject({
  name: v.optional(fields.name),
  role: v.optional(fields.role),
  allowedIps: v.optional(fields.allowedIps),
  allowedSessions: v.optional(fields.allowedSessions),
  allowedChats: v.optional(fields.allowedChats),
  expiresAt: v.optional(v.nullable(ExpiresAt)),
})

/** A key as the API shows it: never the hash. */
export const ApiKeyView = v.strictObject({
  id: Uuid,
  name: v.string(),
  keyPrefix: v.string(),
  role: v.picklist(roles),
  allowedIps: v.optional(v.array(v.string())),
  allowedSessions: v.optional(v.array(v.string())),
  allowedChats: v.optional(v.array(v.string())),
  isActive: v.boolean(),
  expiresAt: v.optional(v.string()),
  lastUsedAt: v.optional(v.string()),
  usageCount: v.number(),
  createdAt: v.string(),
})

export function toApiKeyView(row: ApiKeyRow): v.InferOutput<typeof ApiKeyView> {
  return {
    id: row.id,
    name: row.name,
    keyPrefix: row.keyPrefix,
    role: row.role,
    ...(row.allowedIps && { allowedIps: row.allowedIps }),
    ...(row.allowedSessions && { allowedSessions: row.allowedSessions }),
    ...(row.allowedChats && { allowedChats: row.allowedChats }),
    isActive: row.isActive,
    ...(row.expiresAt !== null && { expiresAt: new Date(row.expiresAt).toISOString() }),
    ...(row.lastUsedAt !== null && { lastUsedAt: new Date(row.lastUsedAt).toISOString() }),
    usageCount: row.usageCount,
    createdAt: new Date(row.createdAt).toISOString(),
  }
}

/** What a key allows. null: not restricted. */
export type Rights = Pick<ApiKeyRow, 'role' | 'allowedIps' | 'allowedSessions' | 'allowedChats' | 'expiresAt'>

const isSubset = (inner: string[] | null, outer: string[] | null) =>
  outer === null || (inner?.every(entry => outer.includes(entry)) ?? false)

const isSubnet = (inner: string[] | null, outer: string[] | null) => {
  if (outer === null) return true
  const ranges = outer.map(parseIpRange).filter((range): range is IpRange => range !== null)
  return (
    inner?.every(text => {
      const range = parseIpRange(text)
      return range !== null && ranges.some(wide => isSubrange(range, wide))
    }) ?? false
  )
}

/** True when `wanted` allows nothing that `own` does not: no higher role, no wider list, no later end. */
export function mayGrant(own: Rights, wanted: Rights): boolean {
  return (
    roles.indexOf(wanted.role) <= roles.indexOf(own.role) &&
    isSubnet(wanted.allowedIps, own.allowedIps) &&
    isSubset(wanted.allowedSessions, own.allowedSessions) &&
    isSubset(wanted.allowedChats, own.allowedChats) &&
    (own.expiresAt === null || (wanted.expiresAt !== null && wanted.expiresAt <= own.expiresAt))
  )
}
