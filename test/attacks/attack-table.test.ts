// The table is whole: each escape of the catalogue is struck, shown elsewhere, or said not to be promised.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tiers } from '../../src/contract/plugin-view.ts'
import { attacks, noSurface, notPromised, shownElsewhere } from './attack-table.ts'
import { notPromisedTable } from './not-promised.ts'

/** The numbers of the catalogue; those between belong to what is not done here. */
const catalogue = [
  ...[1, 2, 3, 4, 6, 7, 8, 9, 10, 11],
  ...[13, 14, 15, 17, 19, 20, 21, 23, 24, 26, 27, 29, 30],
  ...[31, 32, 34, 35, 36, 37, 38, 40],
  ...[41, 42, 43, 44, 46, 48, 49, 50, 52, 53],
  ...[54, 55, 57, 59],
  ...[60, 61, 62, 63, 64, 65, 66],
]

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const fileOf = ({ row, name }: { row: number; name: string }) => `${String(row).padStart(2, '0')}-${name}.js`

describe('the table of attacks', () => {
  it('has every row of the catalogue', () => {
    const known = [
      ...attacks.map(({ row }) => row),
      ...[shownElsewhere, notPromised, noSurface].flatMap(rows => Object.keys(rows).map(Number)),
    ]
    expect([...new Set(known)].sort((a, b) => a - b)).toEqual(catalogue)
  })

  it('has a plugin for each attack, and an attack for each plugin', () => {
    const files = readdirSync(path('./plugins')).filter(file => /^\d/.test(file))
    expect(attacks.map(fileOf).sort()).toEqual(files.sort())
  })

  it.each(Object.entries(shownElsewhere))('row %s is shown where it says', (_row, file) => {
    expect(existsSync(path(`../../${file}`))).toBe(true)
  })

  it('is printed in SECURITY.md, as far as an attack is not promised to fail', () => {
    expect(readFileSync(path('../../SECURITY.md'), 'utf8')).toContain(notPromisedTable())
  })

  it('strikes every attack in some tier', () => {
    const struck = attacks.filter(attack => tiers.some(tier => attack.in?.[tier] !== null))
    expect(struck).toEqual(attacks)
  })
})
