// `npm run bench [-- NAME…] [--json]`: measures, beside a bare baseline in the same run, and says which goals are met.
// With --json one line per figure; a missed goal is in the output, not in the exit code, as the machine may be busy.
import { parseArgs } from 'node:util'
import { apiThroughput } from './bench/api-throughput.ts'
import { engineThroughput } from './bench/engine.ts'
import { type Bench, type Goal, type Judged, judge } from './bench/figure.ts'
import { hookRoundTrip } from './bench/hook-round-trip.ts'
import { outboxDelivery, outboxDrain } from './bench/outbox.ts'
import { outboxBacklog } from './bench/outbox-backlog.ts'
import { pluginChain } from './bench/plugin-chain.ts'
import { pluginStart } from './bench/plugin-start.ts'
import { idleSessions } from './bench/sessions.ts'
import { tierComparison } from './bench/tiers.ts'

const benches: readonly Bench[] = [
  hookRoundTrip,
  apiThroughput,
  pluginChain,
  pluginStart,
  tierComparison,
  engineThroughput,
  idleSessions,
  outboxDelivery,
  outboxDrain,
  outboxBacklog,
]

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
const unknown = positionals.filter(name => !benches.some(bench => bench.name === name))
if (unknown.length > 0) {
  console.error(`No bench is named ${unknown.join(', ')}. There are:`)
  for (const { name, about } of benches) console.error(`  ${name.padEnd(20)} ${about}`)
  process.exit(2)
}

const round = (value: number) => Number(value.toPrecision(4))
const goalText = (goal: Goal | null) =>
  goal === null ? '' : `${goal.of} ${'atMost' in goal ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`}`

function print(judged: Judged) {
  const { name, value, unit, baseline, ratio, goal, met } = judged
  if (values.json) {
    const rounded = {
      value: round(value),
      baseline: baseline && round(baseline),
      ratio: ratio && round(ratio),
    }
    console.log(JSON.stringify({ name, unit, ...rounded, goal: goalText(goal) || null, met }))
    return
  }
  const columns = [
    name.padEnd(52),
    `${round(value)} ${unit}`.padStart(18),
    (baseline === null ? '' : `${round(baseline)} ${unit}`).padStart(18),
    (ratio === null ? '' : ratio.toFixed(2)).padStart(7),
    goalText(goal).padStart(16),
    met === null ? '' : met ? 'met' : 'MISSED',
  ]
  console.log(columns.join('  '))
}

if (!values.json)
  console.log(
    [
      'figure'.padEnd(52),
      'value'.padStart(18),
      'baseline'.padStart(18),
      'ratio'.padStart(7),
      'goal'.padStart(16),
    ].join('  '),
  )
for (const bench of benches) {
  if (positionals.length > 0 && !positionals.includes(bench.name)) continue
  for (const figure of await bench.run()) print(judge(figure))
}
process.exit(0)
