import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuardedFetch } from './guarded-fetch.ts'
import { createLinkPreview, linkIn, readPage } from './link-preview.ts'

describe('linkIn', () => {
  it.each([
    ['see https://example.com/a?b=1.', 'https://example.com/a?b=1'],
    ['(http://example.com)', 'http://example.com'],
    ['no link', null],
    ['ftp://example.com', null],
    ['javascript:alert(1) https://', null],
  ])('%s', (text, link) => expect(linkIn(text)).toBe(link))
})

describe('readPage', () => {
  it.each([
    ['<title>Plain &amp; simple</title>', { title: 'Plain & simple', description: null }],
    [
      `<title>x</title><meta property="og:title" content="Og &#x41;"><meta content='About' name='description'>`,
      { title: 'Og A', description: 'About' },
    ],
    ['<meta name="description" content="alone">', null],
    ['<title>   </title>', null],
    [
      `<title>${'long '.repeat(200)}</title>`,
      { title: expect.stringMatching(/^.{300}$/), description: null },
    ],
  ])('%s', (html, page) => expect(readPage(html)).toEqual(page))
})

describe('a page that is made to cost time', () => {
  // Eight times what is read of a page, so that what grows too fast shows.
  const head = 1024 * 1024
  it.each([
    ['beginnings of elements', '<meta ', ''],
    ['ends without beginnings', '>', ''],
    ['empty elements', '<meta >', ''],
    ['long elements', `<meta ${' '.repeat(1_900)}>`, ''],
    ['attributes without an end', `<meta ${' content="'.repeat(190)}>`, ''],
    ['names of attributes', `<meta${' property='.repeat(190)}>`, ''],
    ['beginnings of titles', '<title', ''],
    ['beginnings, and an end', '<meta ', '>'],
  ])('by %s is done with soon', (_name, part, end) => {
    const html = part.repeat(Math.ceil(head / part.length)) + end
    const began = performance.now()
    expect(readPage(html)).toBeNull()
    // A tenth of it where the machine is idle.
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  it('is read for 64 elements, and none that is too long', () => {
    const title = '<meta property="og:title" content="Title">'
    expect(readPage(`${'<meta charset="x">'.repeat(63)}${title}`)?.title).toBe('Title')
    expect(readPage(`${'<meta charset="x">'.repeat(64)}${title}`)).toBeNull()
    expect(readPage(`<meta name="x" content="${'y'.repeat(2_000)}">${title}`)?.title).toBe('Title')
  })
})

describe('createLinkPreview', () => {
  const answering = (html: Iterable<string>): { fetch: GuardedFetch; read: () => number } => {
    let read = 0
    return {
      read: () => read,
      async fetch({ sink }) {
        const chunks = (async function* () {
          for (const part of html) {
            read += 1
            yield Buffer.from(part)
          }
        })()
        await sink?.(chunks)
        return { status: 200, statusText: '', headers: {}, body: new Uint8Array(), sha256: null, url: '' }
      },
    }
  }

  it('tells of the page that a text links to', async () => {
    const preview = createLinkPreview(answering(['<title>A ', 'page</title>']))
    expect(await preview('look: https://example.com/x!')).toEqual({
      url: 'https://example.com/x',
      title: 'A page',
      description: null,
    })
  })

  it('reads no further than the head of a page', async () => {
    const page = answering([
      '<title>Big</title>',
      ...Array.from({ length: 100 }, () => 'x'.repeat(64 * 1024)),
    ])
    expect(await createLinkPreview(page)('https://example.com')).toMatchObject({ title: 'Big' })
    expect(page.read()).toBeLessThan(5)
  })

  it('asks nobody for a text without a link, and goes without where it fails', async () => {
    const fetch: GuardedFetch = async () => {
      throw new GatewayError('address_blocked', 'private')
    }
    expect(await createLinkPreview({ fetch })('https://10.0.0.1')).toBeNull()
    expect(
      await createLinkPreview({
        fetch: async () => {
          throw new Error('asked')
        },
      })('plain'),
    ).toBeNull()
  })
})
