import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMediaStore, type MediaStore } from './media-store.ts'

let folder: string
let store: MediaStore
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'wharf-media-')), 'media')
  store = createMediaStore({ folder })
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

async function* chunks(...parts: Uint8Array[]) {
  yield* parts
}
const all = (options = { maxBytes: 1_000_000 }) => options
const filesIn = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter(each => each.isFile())
async function read(hash: string) {
  const file = await store.open(hash)
  return (
    file && {
      bytes: file.bytes,
      content: Buffer.from(await new Response(file.stream as never).arrayBuffer()),
    }
  )
}

describe('media-store', () => {
  it('keeps a file under the hash of its content', async () => {
    const [one, two] = [randomBytes(100), randomBytes(200)]
    const { hash, bytes } = await store.put(chunks(one, two), all())
    const content = Buffer.concat([one, two])
    expect(hash).toBe(createHash('sha256').update(content).digest('hex'))
    expect(bytes).toBe(300)
    expect(readFileSync(join(folder, hash.slice(0, 2), hash))).toEqual(content)
    expect(await read(hash)).toEqual({ bytes: 300, content })
  })

  it('has the same content once', async () => {
    const content = randomBytes(10)
    const first = await store.put(chunks(content), all())
    expect(await store.put(chunks(content), all())).toEqual(first)
    expect(filesIn()).toHaveLength(1)
  })

  it('refuses what is too large as soon as it is, and leaves nothing', async () => {
    let given = 0
    async function* endless() {
      for (;;) {
        given += 1
        yield Buffer.alloc(1_000)
      }
    }
    await expect(store.put(endless(), { maxBytes: 2_500 })).rejects.toMatchObject({ code: 'body_too_large' })
    expect(given).toBe(3)
    expect(filesIn()).toEqual([])
  })

  it('leaves nothing of a stream that breaks', async () => {
    async function* broken() {
      yield randomBytes(10)
      throw new Error('cut')
    }
    await expect(store.put(broken(), all())).rejects.toThrow('cut')
    expect(filesIn()).toEqual([])
  })

  it('takes away at its start what a death has left half written', async () => {
    writeFileSync(join(folder, 'tmp', 'half'), 'x')
    createMediaStore({ folder })
    expect(filesIn()).toEqual([])
  })

  it('knows no file by a name that is no hash', async () => {
    for (const name of ['', '..', '../../etc/passwd', 'A'.repeat(64), `${'a'.repeat(63)}/`]) {
      expect(await store.open(name)).toBeNull()
      await store.remove(name)
    }
    expect(await store.open('a'.repeat(64))).toBeNull()
  })

  it('lists and removes', async () => {
    const { hash } = await store.put(chunks(randomBytes(5)), all())
    const listed = []
    for await (const file of store.list()) listed.push(file)
    expect(listed).toMatchObject([{ hash, bytes: 5, storedAt: expect.any(Number) }])
    await store.remove(hash)
    expect(await store.open(hash)).toBeNull()
    await store.remove(hash)
  })

  it('gives a place on disk for as long as it is used', async () => {
    let used = ''
    await store.temporary(async path => {
      used = path
      writeFileSync(path, 'x')
    })
    expect(existsSync(used)).toBe(false)
    await expect(
      store.temporary(async path => {
        writeFileSync(path, 'x')
        throw new Error('failed')
      }),
    ).rejects.toThrow('failed')
    expect(filesIn()).toEqual([])
  })
})
