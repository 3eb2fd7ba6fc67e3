import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_CODE_BYTES, readPackageCode } from './package-code.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-code-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('readPackageCode', () => {
  it('reads code as text, follows no link and leaves the rest', async () => {
    const [place, other] = [join(folder, 'plugin'), join(folder, 'other')]
    await mkdir(join(place, 'lib'), { recursive: true })
    await mkdir(other)
    await writeFile(join(other, 'canary.js'), 'canary')
    await writeFile(join(place, 'index.js'), 'main')
    await writeFile(join(place, 'lib/data.json'), '{}')
    await writeFile(join(place, 'lib/logo.png'), 'image')
    await symlink(join(other, 'canary.js'), join(place, 'link.js'))
    await symlink(other, join(place, 'folder'))
    expect(await readPackageCode(place)).toEqual({
      '/plugin/index.js': 'main',
      '/plugin/lib/data.json': '{}',
    })
  })

  it('refuses more than an isolate could hold', async () => {
    const place = join(folder, 'large')
    await mkdir(place)
    for (const name of ['a.js', 'b.js'])
      await writeFile(join(place, name), 'x'.repeat(MAX_CODE_BYTES / 2 + 1))
    await expect(readPackageCode(place)).rejects.toMatchObject({
      code: 'plugin_crashed',
      message: expect.stringContaining('bytes of code'),
    })
  })
})
