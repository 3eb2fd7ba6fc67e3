import { deflateRawSync } from 'node:zlib'
import JSZip from 'jszip'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { buildZip, type FixtureEntry, goodEntries, goodManifest, noise } from './archive.fixtures.ts'
import { archiveLimits, readArchive } from './archive.ts'

const refusal = async (bytes: Uint8Array): Promise<GatewayError> => {
  const error = await readArchive(bytes).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof GatewayError)) throw new Error(`not refused as it must be: ${error}`)
  return error
}
const ruleOf = async (bytes: Uint8Array) => {
  const { code, details } = await refusal(bytes)
  return code === 'manifest_invalid' ? code : details.rule
}

const withEntry = (...entries: FixtureEntry[]) => buildZip([...goodEntries(), ...entries])
const named = (name: string | Uint8Array) => withEntry({ name, content: 'x' })
const extra = (id: number, data: Uint8Array) => {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(id)
  head.writeUInt16LE(data.length, 2)
  return Buffer.concat([head, data])
}
const wide = (...values: number[]) => {
  const data = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) data.writeBigUInt64LE(BigInt(value), index * 8)
  return data
}
const manifestBytes = (content: string | Uint8Array) =>
  buildZip([{ name: 'manifest.json', content }, ...goodEntries().slice(1)])
const manifestText = (text: string) => manifestBytes(text)

/** An archive of exactly this many bytes. */
function ofLength(length: number): Uint8Array {
  const without = withEntry({ name: 'fill.bin', content: '' }).length
  return withEntry({ name: 'fill.bin', content: noise(length - without) })
}
const ofCount = (count: number) =>
  withEntry(...Array.from({ length: count - 2 }, (_, index) => ({ name: `f${index}`, content: '' })))

describe('archives that are fine', () => {
  const [manifest, main] = goodEntries() as [FixtureEntry, FixtureEntry]
  const cases: Record<string, Uint8Array> = {
    'a good plugin, stored': buildZip(goodEntries()),
    'a good plugin, deflated': buildZip(goodEntries().map(entry => ({ ...entry, method: 8 }))),
    'one wrapping folder': buildZip(
      goodEntries().map(entry => ({ ...entry, name: `pkg-1.0/${entry.name}` })),
    ),
    'a folder entry': withEntry({ name: 'lib/' }, { name: 'lib/a.js', content: 'x' }),
    'data descriptors of each kind': buildZip([
      { ...manifest, descriptor: 'plain', method: 8 },
      { ...main, descriptor: 'signed', method: 8 },
      { name: 'c.txt', content: 'x', descriptor: 'wide', method: 8 },
    ]),
    'a legal zip64 end': buildZip(goodEntries(), { zip64End: 'legal' }),
    'a legal zip64 end that stands for the other': buildZip(goodEntries(), {
      zip64End: 'legal',
      end: { entries: 0xffff, size: 0xffffffff, start: 0xffffffff },
    }),
    'legal zip64 sizes': withEntry({
      name: 'z.txt',
      content: 'abc',
      central: { size: 0xffffffff, packed: 0xffffffff, extra: extra(1, wide(3, 3)) },
      local: { size: 0xffffffff, packed: 0xffffffff, extra: extra(1, wide(3, 3)) },
    }),
    'timestamps in the extra field': withEntry({
      name: 't',
      central: { extra: extra(0x5455, Buffer.alloc(5)) },
    }),
    'a comment of a kilobyte': buildZip(goodEntries(), { comment: Buffer.alloc(1_024, 'c') }),
    'exactly as large as allowed': ofLength(archiveLimits.archiveBytes),
    'exactly as many entries as allowed': ofCount(archiveLimits.entries),
    'no mode at all': withEntry({ name: 'a', content: 'x', mode: 0 }),
    'made on Windows': withEntry({ name: 'a', content: 'x', mode: 0, system: 0 }),
    'an archive inside': withEntry({ name: 'inner.zip', content: buildZip(goodEntries()) }),
    'scripts that nobody runs': withEntry({ name: 'package.json', content: '{"scripts":{"install":"x"}}' }),
    'a main file by a detour': buildZip(goodEntries({ main: './lib/../index.js' })),
  }
  for (const [name, bytes] of Object.entries(cases))
    it(name, async () => {
      const { manifest, files, sha256 } = await readArchive(bytes)
      expect(manifest.id).toBe('good-plugin')
      expect(Buffer.from(files.get('index.js')!).toString()).toBe('module.exports = class {}')
      expect(sha256).toMatch(/^[0-9a-f]{64}$/)
    })

  it('what jszip writes, in each of its ways', async () => {
    for (const options of [
      {},
      { streamFiles: true },
      { compression: 'DEFLATE' as const },
      { platform: 'UNIX' as const },
    ]) {
      const zip = new JSZip().file('manifest.json', JSON.stringify(goodManifest)).file('index.js', 'x')
      zip.file('lib/deep/a.js', 'y')
      const { files } = await readArchive(await zip.generateAsync({ type: 'uint8array', ...options }))
      expect([...files.keys()].sort()).toEqual(['index.js', 'lib/deep/a.js', 'manifest.json'])
    }
  })
})

const hostileNames: Record<string, string | Uint8Array> = {
  'dot dot': '../evil.js',
  'dot dot inside': 'a/../../evil.js',
  'dot dot at the end': 'a/..',
  dot: './a.js',
  absolute: '/etc/cron.d/x',
  'double slash': 'a//b.js',
  backslash: 'a\\..\\b.js',
  'a drive': 'C:evil.js',
  'a drive with a slash': 'C:/evil.js',
  UNC: '\\\\host\\share\\x',
  'a stream of NTFS': 'index.js::$DATA',
  NUL: 'a\u0000.js',
  'a line feed': 'a\nb.js',
  escape: 'a\u001b[2J.js',
  DEL: 'a\u007f.js',
  'a device': 'con',
  'a device with an extension': 'lib/NUL.txt',
  'a device with a number': 'com1.js',
  'a trailing dot': 'a.js.',
  'a trailing space': 'a.js ',
  'a leading space': ' a.js',
  nothing: '',
  'a slash before all': '//x',
  '256 bytes': `${'a'.repeat(253)}.js`,
  '65535 bytes': 'a'.repeat(65_535),
  'depth 200': `${'a/'.repeat(200)}b`,
  'overlong UTF-8': Uint8Array.from([0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x61]),
  'invalid UTF-8': Uint8Array.from([0x61, 0xff, 0x62]),
  'a fullwidth slash': 'a\uff0fb.js',
  'a one dot leader': 'a/\u2024\u2024/b.js',
  'text that turns around': 'a\u202egpj.js',
  'zero width': 'in\u200bdex.js',
  'a homoglyph': 'ind\u0435x.js',
  'a colon': 'a:b.js',
  'a star': 'a*.js',
  'a tilde of home with a slash': '~/../x',
}

describe('names', () => {
  for (const [what, name] of Object.entries(hostileNames))
    it(`refuses ${what}`, async () => {
      const error = await refusal(named(name))
      expect(error.details.rule).toBe('path')
      expect(error.message).toMatch(/^Unsafe path in archive: [\x20-\x7e]{0,140}…?$/)
    })
})

describe('types', () => {
  const modes = { symlink: 0o120777, character: 0o020666, block: 0o060666, pipe: 0o010666, socket: 0o140666 }
  const cases: Record<string, Uint8Array> = {
    ...Object.fromEntries(
      Object.entries(modes).map(([type, mode]) => [
        type,
        withEntry({ name: 'x', content: '/etc/passwd', mode }),
      ]),
    ),
    'a main file that is a symlink': buildZip([
      goodEntries()[0]!,
      { name: 'index.js', content: '/x', mode: 0o120777 },
    ]),
    'a manifest that is a symlink': buildZip([{ ...goodEntries()[0]!, mode: 0o120777 }, goodEntries()[1]!]),
    'a symlink by a system without modes': withEntry({ name: 'x', content: '/', mode: 0o120777, system: 0 }),
    setuid: withEntry({ name: 'x', content: 'x', mode: 0o104755 }),
    setgid: withEntry({ name: 'x', content: 'x', mode: 0o102755 }),
    'a folder with content': withEntry({ name: 'd/', content: 'x' }),
    'a folder that is a file': withEntry({ name: 'd/', mode: 0o100644, dosAttributes: 0 }),
    'a file that is a folder': withEntry({ name: 'd', mode: 0o040755 }),
    'a file that DOS calls a folder': withEntry({ name: 'd', mode: 0, dosAttributes: 0x10 }),
    'an unknown system': withEntry({ name: 'x', content: 'x', system: 77 }),
    'native code': withEntry({ name: 'build/x.node', content: 'x' }),
  }
  for (const [what, bytes] of Object.entries(cases))
    it(`refuses ${what}`, async () => expect(await ruleOf(bytes)).toBe('type'))
})

describe('duplicates', () => {
  const cases: Record<string, Uint8Array> = {
    exact: withEntry({ name: 'index.js', content: 'evil' }),
    case: withEntry({ name: 'Index.JS', content: 'evil' }),
    'a folder and a file': withEntry({ name: 'lib/' }, { name: 'lib', content: 'x' }),
    'a file used as a folder': withEntry({ name: 'index.js/evil.js', content: 'x' }),
    'a folder in two spellings': withEntry({ name: 'Lib/a', content: 'x' }, { name: 'lib/b', content: 'x' }),
    'two folders': withEntry({ name: 'lib/' }, { name: 'LIB/' }),
  }
  for (const [what, bytes] of Object.entries(cases))
    it(`refuses ${what}`, async () => expect(await ruleOf(bytes)).toBe('duplicate'))
})

describe('bombs', () => {
  const zeros = deflateRawSync(Buffer.alloc(30 * 1024 * 1024))
  const bomb = (size: number) =>
    withEntry({
      name: 'bomb',
      method: 8,
      data: zeros,
      central: { size },
      local: { size },
    })
  const shared = (): Uint8Array => {
    const at = buildZip(goodEntries()).length
    return withEntry(
      { name: 'a', content: 'x' },
      { name: 'b', content: 'x', central: { offset: Math.max(0, at - 200) } },
    )
  }
  const quoted = (): Uint8Array => {
    // The second header lies inside the first entry's data, so that both claim it.
    const inner = buildZip([{ name: 'b', content: 'y' }]).subarray(0, 32)
    const first = 30 + goodEntries()[0]!.name.length + Buffer.byteLength(goodEntries()[0]!.content as string)
    const second = first + 30 + 'index.js'.length + (goodEntries()[1]!.content as string).length
    return withEntry(
      { name: 'a', content: inner },
      { name: 'b', content: 'y', central: { offset: second + 31 } },
    )
  }
  const cases: Record<string, [Uint8Array, string]> = {
    'more than is declared': [bomb(1_000), 'size'],
    'more than is allowed, by its own word': [bomb(30 * 1024 * 1024), 'size'],
    'a ratio that only zeros have': [
      withEntry({ name: 'z', method: 8, content: Buffer.alloc(2 * 1024 * 1024) }),
      'size',
    ],
    'less than is declared': [
      withEntry({
        name: 'z',
        method: 8,
        data: deflateRawSync(Buffer.from('abc')),
        central: { size: 9 },
        local: { size: 9 },
      }),
      'structure',
    ],
    'a manifest of 30 MB': [
      buildZip([
        { name: 'manifest.json', method: 8, data: zeros, central: { size: 100 }, local: { size: 100 } },
        goodEntries()[1]!,
      ]),
      'size',
    ],
    'a manifest that says it is large': [manifestText(`{"x":"${'x'.repeat(70_000)}"}`), 'manifest'],
    'many files that are large together': [
      withEntry(
        ...Array.from({ length: 21 }, (_, index) => ({
          name: `n${index}`,
          method: 8,
          content: Buffer.alloc(1024 * 1024),
        })),
      ),
      'size',
    ],
    'the same bytes twice': [shared(), 'overlap'],
    'a header quoted in data': [quoted(), 'overlap'],
    'all entries over one another': [
      withEntry({ name: 'a', content: 'x' }, { name: 'b', content: 'x', central: { offset: 0 } }),
      'overlap',
    ],
    'one entry too many': [ofCount(archiveLimits.entries + 1), 'count'],
    '50000 entries, by its own word': [buildZip(goodEntries(), { end: { entries: 50_000 } }), 'count'],
    'folders without end': [
      withEntry(...Array.from({ length: 199 }, (_, index) => ({ name: `d${index}/` }))),
      'count',
    ],
    'one byte too many': [ofLength(archiveLimits.archiveBytes + 1), 'size'],
  }
  for (const [what, [bytes, rule]] of Object.entries(cases))
    it(`refuses ${what}`, async () => {
      const before = process.memoryUsage.rss()
      const started = performance.now()
      expect(await ruleOf(bytes)).toBe(rule)
      expect(performance.now() - started).toBeLessThan(2_000)
      expect(process.memoryUsage.rss() - before).toBeLessThan(60 * 1024 * 1024)
    })
})

describe('structure', () => {
  const good = Buffer.from(buildZip(goodEntries()))
  const cut = (count: number) => good.subarray(0, good.length - count)
  const one = (entry: Partial<FixtureEntry>) => withEntry({ name: 'x', content: 'abc', ...entry })
  const cases: Record<string, [Uint8Array, string]> = {
    'no bytes': [Buffer.alloc(0), 'structure'],
    text: [Buffer.from('this is not a zip'), 'structure'],
    'an empty archive': [buildZip([]), 'location'],
    'a page of HTML before it': [buildZip(goodEntries(), { before: Buffer.from('<html>') }), 'structure'],
    'a PDF before it, offsets corrected': [Buffer.concat([Buffer.from('%PDF-1.7\n'), good]), 'structure'],
    'a picture before it': [
      buildZip(goodEntries(), { before: Uint8Array.from([0xff, 0xd8, 0xff, 0xe0]) }),
      'structure',
    ],
    'a byte behind it': [buildZip(goodEntries(), { after: Buffer.from('x') }), 'structure'],
    'two archives behind one another': [Buffer.concat([good, good]), 'structure'],
    'an end record in the comment': [buildZip(goodEntries(), { comment: cut(0).subarray(-22) }), 'structure'],
    'a comment that is too long': [buildZip(goodEntries(), { comment: Buffer.alloc(1_025) }), 'structure'],
    'a comment that lies about its length': [buildZip(goodEntries(), { end: { comment: 5 } }), 'structure'],
    'one byte cut off': [cut(1), 'structure'],
    'the end cut off': [cut(22), 'structure'],
    'half of it': [good.subarray(0, good.length / 2), 'structure'],
    'a count that is too low': [buildZip(goodEntries(), { end: { entries: 1 } }), 'structure'],
    'a count that is too high': [buildZip(goodEntries(), { end: { entries: 3 } }), 'structure'],
    'two counts': [buildZip(goodEntries(), { end: { entriesHere: 1 } }), 'structure'],
    'a directory elsewhere': [buildZip(goodEntries(), { end: { start: 10 } }), 'structure'],
    'a directory of another size': [buildZip(goodEntries(), { end: { size: 10 } }), 'structure'],
    'bytes before the directory': [buildZip(goodEntries(), { afterEntries: Buffer.from('xx') }), 'structure'],
    'bytes behind the directory': [
      buildZip(goodEntries(), { afterDirectory: Buffer.from('xx') }),
      'structure',
    ],
    'a hidden entry': [
      buildZip(goodEntries(), {
        afterEntries: Buffer.from(buildZip([{ name: 'h', content: 'x' }])).subarray(0, 32),
      }),
      'structure',
    ],
    'another disk': [buildZip(goodEntries(), { end: { disk: 1 } }), 'structure'],
    'an entry on another disk': [one({ central: { disk: 1 } }), 'structure'],
    'another name before the data': [one({ local: { name: 'y' } }), 'structure'],
    'another method before the data': [one({ local: { method: 8 } }), 'structure'],
    'other flags before the data': [one({ local: { flags: 0x800 } }), 'structure'],
    'another size before the data': [one({ local: { size: 4 } }), 'structure'],
    'another checksum before the data': [one({ local: { crc: 1 } }), 'structure'],
    'a wrong checksum in both places': [one({ local: { crc: 1 }, central: { crc: 1 } }), 'content'],
    'a stored entry with two sizes': [one({ central: { size: 9 }, local: { size: 9 } }), 'structure'],
    'an offset into nothing': [one({ central: { offset: 0xfffffff0 } }), 'structure'],
    'an entry that reaches into the directory': [
      one({ central: { packed: 300, size: 300 }, local: { packed: 300, size: 300 } }),
      'structure',
    ],
    'garbage for deflate': [one({ method: 8, data: noise(40) }), 'structure'],
    'deflate that is cut off': [
      one({ method: 8, data: deflateRawSync(Buffer.from('abcabc')).subarray(0, 3) }),
      'structure',
    ],
    'bytes behind deflate': [
      one({ method: 8, data: Buffer.concat([deflateRawSync(Buffer.from('abc')), Buffer.from('hidden')]) }),
      'structure',
    ],
    'a second name for other extractors': [
      one({ central: { extra: extra(0x7075, Buffer.from('evil')) } }),
      'structure',
    ],
    AES: [one({ central: { extra: extra(0x9901, Buffer.alloc(7)) } }), 'structure'],
    'an extra field that is cut off': [
      one({ central: { extra: Buffer.from([1, 0, 9, 0, 1]) } }),
      'structure',
    ],
    'an extra field twice': [
      one({
        central: { extra: Buffer.concat([extra(0x5455, Buffer.alloc(1)), extra(0x5455, Buffer.alloc(1))]) },
      }),
      'structure',
    ],
    'a descriptor that lies': [
      Buffer.from(
        buildZip([
          ...goodEntries(),
          { name: 'x', content: 'abc', descriptor: 'signed', central: { crc: 5 } },
        ]),
      ),
      'structure',
    ],
    'a zip64 end that lies': [buildZip(goodEntries(), { zip64End: 'lying' }), 'structure'],
    'zip64 markers without their field': [
      one({ central: { size: 0xffffffff, packed: 0xffffffff } }),
      'structure',
    ],
    'a zip64 field that nobody asked for': [one({ central: { extra: extra(1, wide(3)) } }), 'structure'],
    'a zip64 size beyond all': [
      one({ central: { size: 0xffffffff, packed: 0xffffffff, extra: extra(1, wide(2 ** 53 - 1, 3)) } }),
      'structure',
    ],
    encryption: [one({ flags: 1 }), 'encryption'],
    'strong encryption': [one({ flags: 0x41 }), 'encryption'],
    'a masked directory': [one({ flags: 0x2000 }), 'encryption'],
    patches: [one({ flags: 0x20 }), 'structure'],
    ...Object.fromEntries(
      [1, 6, 9, 12, 14, 93, 99].map(method => [
        `method ${method}`,
        [one({ method }), 'method'] as [Uint8Array, string],
      ]),
    ),
  }
  for (const [what, [bytes, rule]] of Object.entries(cases))
    it(`refuses ${what}`, async () => {
      const error = await refusal(bytes)
      expect(error.details.rule).toBe(rule)
      if (rule === 'structure') expect(error.message).toContain('not a valid .zip archive')
    })

  it('refuses an archive with any one byte turned, or reads the same plugin', async () => {
    // Dates, attributes and the system are free to change; nothing that decides what is installed may.
    const whole = await readArchive(good)
    for (let at = 0; at < good.length; at += 1) {
      const bytes = Buffer.from(good)
      bytes[at] = bytes[at]! ^ 0xff
      const read = await readArchive(bytes).catch((error: unknown) => error)
      if (read instanceof Error) expect(read).toBeInstanceOf(GatewayError)
      else expect(read).toMatchObject({ files: whole.files, manifest: whole.manifest })
    }
  })
})

describe('location and manifest', () => {
  const json = JSON.stringify(goodManifest)
  const located: Record<string, Uint8Array> = {
    none: buildZip([{ name: 'index.js', content: 'x' }]),
    'folders only': buildZip([{ name: 'a/' }]),
    'two levels down': buildZip(goodEntries().map(entry => ({ ...entry, name: `a/b/${entry.name}` }))),
    'two roots': buildZip([
      ...goodEntries().map(entry => ({ ...entry, name: `a/${entry.name}` })),
      ...goodEntries().map(entry => ({ ...entry, name: `b/${entry.name}` })),
    ]),
    'a file beside the folder': buildZip([
      ...goodEntries().map(entry => ({ ...entry, name: `a/${entry.name}` })),
      { name: 'evil.js', content: 'x' },
    ]),
    'another case': buildZip([{ name: 'Manifest.json', content: json }, goodEntries()[1]!]),
  }
  for (const [what, bytes] of Object.entries(located))
    it(`refuses the place: ${what}`, async () => {
      const error = await refusal(bytes)
      expect(error.details.rule).toBe('location')
      expect(error.message).toContain('no manifest.json')
    })

  const texts: Record<string, string | Uint8Array> = {
    'a byte order mark': `\ufeff${json}`,
    'UTF-16': Buffer.from(json, 'utf16le'),
    'invalid UTF-8': Buffer.from(json.replace('Good', '\u00ff'), 'latin1'),
    'no JSON': 'hello',
    nothing: '',
    'a comma too many': json.replace('}', ',}'),
    'a key twice': json.replace('{', '{"id":"other",'),
    'a key twice through an escape': json.replace('{', '{"\\u0069d":"other",'),
    'a key twice further down': json.replace('{', '{"net":{"allow":[],"allow":[]},'),
    'the key __proto__': json.replace('{', '{"__proto__":{"id":"x"},'),
    'depth 17': json.replace('{', `{"x":${'['.repeat(16)}${']'.repeat(16)},`),
  }
  for (const [what, text] of Object.entries(texts))
    it(`refuses ${what}`, async () => {
      const error = await refusal(manifestBytes(text))
      expect(error.details.rule).toBe('manifest')
      expect(error.message).toContain('manifest.json is not valid JSON')
    })

  const fields: [string, Record<string, unknown>, RegExp][] = [
    ['no id', { id: undefined }, /invalid required field: id/],
    ['an id that is a path', { id: '../x' }, /Invalid plugin id/],
    ['an id with two dots', { id: 'a..b' }, /Invalid plugin id/],
    ['a reserved id', { id: 'Baileys' }, /reserved by a built-in plugin/],
    ['no name', { name: undefined }, /required field: name/],
    ['an empty version', { version: '' }, /required field: version/],
    ['no main', { main: undefined }, /required field: main/],
    ['another type', { type: 'engine' }, /not installable/],
    ['a main outside', { main: '../x.js' }, /main escapes the plugin directory/],
    ['an absolute main', { main: '/x.js' }, /main escapes the plugin directory/],
    ['an unknown permission', { permissions: ['shell:run'] }, /shell:run/],
    ['permissions that are text', { permissions: 'all' }, /permissions must be an array of strings/],
    ['sessions of numbers', { sessions: [1] }, /sessions must be an array of strings/],
    ['a net that is a list', { net: 'x' }, /net must be an object/],
    ['a wildcard over a suffix', { net: { allow: ['*.com'] } }, /net\.allow holds/],
    ['a wildcard inside a label', { net: { allow: ['*example.com'] } }, /net\.allow holds/],
    ['a version that is none', { minOpenWAVersion: 'v1.0.0' }, /must be a MAJOR\.MINOR\.PATCH version/],
    ['a version to come', { minOpenWAVersion: '99.0.0' }, /requires OpenWA >= 99\.0\.0/],
    ['a schema that is a list', { configSchema: [] }, /configSchema must be an object/],
    ['a schema with wrong properties', { configSchema: { properties: [] } }, /properties must be an object/],
  ]
  for (const [what, change, message] of fields)
    it(`refuses ${what}`, async () => {
      const error = await refusal(buildZip(goodEntries(change)))
      expect(error.code).toBe('manifest_invalid')
      expect(error.message).toMatch(message)
    })

  it('tells all faults of a manifest at once, each with its place', async () => {
    const { details } = await refusal(
      buildZip(
        goodEntries({
          id: '',
          main: undefined,
          permissions: ['x:y'],
          minOpenWAVersion: '9.9.9',
          net: { allow: ['*.com'] },
        }),
      ),
    )
    const issues = details.issues as { path: string }[]
    expect(issues.map(({ path }) => path).sort()).toEqual([
      '',
      'id',
      'id',
      'main',
      'net.allow.0',
      'permissions.0',
    ])
  })

  it('refuses a manifest that is no object', async () => {
    for (const text of ['[]', '"x"', 'null', '1'])
      expect((await refusal(manifestText(text))).message).toContain('must be a JSON object')
  })

  it('refuses a main file that is missing or no JavaScript', async () => {
    expect((await refusal(buildZip(goodEntries({ main: 'dist/x.js' })))).message).toContain(
      'missing its main file: dist/x.js',
    )
    expect(await ruleOf(buildZip(goodEntries({ main: 'manifest.json' })))).toBe('main')
  })

  it('repeats nothing of a file in an error', async () => {
    const error = await refusal(manifestText('canary-4711 {'))
    expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain('canary')
  })
})
