import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { engineHome } from './engine-home.ts'

it('gives a data folder one identity for good', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-home-'))
  let made = 0
  const home = () => engineHome(folder, () => `id ${++made}`)
  expect([home(), home()]).toEqual(['id 1', 'id 1'])
  // Cut short by a crash.
  writeFileSync(join(folder, 'engine.id'), '')
  expect([home(), home()]).toEqual(['id 2', 'id 2'])
  rmSync(folder, { recursive: true })
})
