// The documents keep to the tree: every file that they link to is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { promiseTable } from '../engine-node/tiers/promises.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const documents = [
  '.',
  'docs',
  'docs/decisions',
  ...readdirSync(join(root, 'plugins')).map(name => `plugins/${name}`),
]
  .flatMap(folder =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map(file => join(folder, file)) : [],
  )
  .filter(file => file.endsWith('.md'))

describe('documents', () => {
  it.each(documents)('%s links to what is there', file => {
    const text = readFileSync(join(root, file), 'utf8')
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(match => match[1] ?? '')
    const missing = targets.filter(target => !existsSync(join(root, dirname(file), target)))
    expect(missing).toEqual([])
  })

  it('SECURITY.md prints the promises of the tiers as they are', () => {
    expect(readFileSync(join(root, 'SECURITY.md'), 'utf8')).toContain(promiseTable())
  })

  it.each(readdirSync(join(root, 'docs/decisions')))('docs/decisions/%s is at most 40 lines', file => {
    const lines = readFileSync(join(root, 'docs/decisions', file), 'utf8')
      .trimEnd()
      .split('\n')
    expect(lines.length).toBeLessThanOrEqual(40)
  })
})
