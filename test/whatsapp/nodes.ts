// Builders and readers over Baileys' binary nodes and jids, so that the other files state stanzas and nothing else.
import { randomBytes } from 'node:crypto'
import { type BinaryNode, jidDecode } from 'baileys'

/** The address of the server itself. */
export const SERVER = '@s.whatsapp.net'

type Attributes = Record<string, string | number | undefined>

/** Makes a stanza or a part of one. Attributes that are undefined are left out. */
export function node(tag: string, attrs: Attributes = {}, content?: BinaryNode['content']): BinaryNode {
  const named: BinaryNode['attrs'] = {}
  for (const name in attrs) {
    const value = attrs[name]
    if (value !== undefined) named[name] = String(value)
  }
  return content === undefined ? { tag, attrs: named } : { tag, attrs: named, content }
}

/** The children of a node, all or those with one tag; a leaf has none. */
export function children(parent: BinaryNode | undefined, tag?: string): BinaryNode[] {
  if (!Array.isArray(parent?.content)) return []
  return tag === undefined ? parent.content : parent.content.filter(each => each.tag === tag)
}

/** The first child, or the first with this tag. */
export function child(parent: BinaryNode | undefined, tag?: string): BinaryNode | undefined {
  return children(parent, tag)[0]
}

/** The content of a leaf as bytes; nothing gives no bytes. */
export function bytes(leaf: BinaryNode | undefined): Buffer {
  const content = leaf?.content
  if (content === undefined || Array.isArray(content)) return Buffer.alloc(0)
  return Buffer.from(typeof content === 'string' ? Buffer.from(content) : content)
}

/** The content of a leaf as text. */
export function text(leaf: BinaryNode | undefined): string {
  return bytes(leaf).toString()
}

/** Reads a big-endian number of any width up to six bytes. */
export function uint(data: Uint8Array): number {
  return data.length === 0 ? 0 : Buffer.from(data).readUIntBE(0, data.length)
}

/** Writes a big-endian number. */
export function bigEndian(value: number, width: number): Buffer {
  const out = Buffer.alloc(width)
  out.writeUIntBE(value, 0, width)
  return out
}

/** A fresh stanza or message id, in the shape phones give them. */
export function freshId(): string {
  return randomBytes(10).toString('hex').toUpperCase()
}

/** Now, as the seconds that stanzas carry. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** `<user>@<server>`, or `<user>:<device>@<server>` for a linked device. */
export function jid(user: string, server: 's.whatsapp.net' | 'lid', device = 0): string {
  return device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`
}

/** True when an address hides the phone number. */
export function isLid(address: string | undefined): boolean {
  return address?.endsWith('@lid') ?? false
}

/** Takes an address apart. An address without a user (the server's) gives undefined. */
export function readJid(address: string | undefined): { user: string; device: number } | undefined {
  const decoded = jidDecode(address)
  return decoded?.user ? { user: decoded.user, device: decoded.device ?? 0 } : undefined
}
