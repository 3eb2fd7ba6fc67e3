// Which attacks are not promised to fail, and where: the table that SECURITY.md prints, made of the attacks that are run and of the
// promises that they are run against.
import { layers, type PromiseName, promises } from '../../engine-node/tiers/promises.ts'
import { tiers } from '../../src/contract/plugin-view.ts'
import { attacks, notPromised } from './attack-table.ts'

/** Tiers in which the promise may not hold, each with what it needs there. */
function whereNot(name: PromiseName): string[] {
  const { keptBy } = promises[name]
  return tiers.flatMap(tier => {
    const by = keptBy[tier]
    if (by === 'always') return []
    return by === 'never'
      ? [`\`${tier}\``]
      : [`\`${tier}\` without ${by.map(layer => layers[layer]).join(' or ')}`]
  })
}

/** In Markdown. What is in none of its rows is promised in every tier, on every machine. */
export function notPromisedTable(): string {
  const names = [...new Set(attacks.flatMap(({ promise }) => promise ?? []))]
  const rows = names.map(name => {
    const struck = attacks.filter(({ promise }) => promise === name)
    return [
      struck.map(attack => `${attack.row} ${attack.name.replaceAll('-', ' ')}`).join(', '),
      promises[name].promise,
      whereNot(name).join('; '),
    ]
  })
  const open = Object.entries(notPromised).map(([row, what]) => [
    `${row} data in what it may send`,
    `nothing: ${what}`,
    tiers.map(tier => `\`${tier}\``).join('; '),
  ])
  return [
    ['Attacks', 'What holds them off: a plugin …', 'Not promised in'],
    ['---', '---', '---'],
    ...rows.filter(([, , where]) => where !== ''),
    ...open,
  ]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
}
