import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { LOG_LINE_CHARS, LOG_LINES, LOG_WINDOW_MS } from '../guest/line-budget.ts'
import { captureOutput, MAX_OUTPUT_BYTES } from './guest-output.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

function start() {
  const streams = [new PassThrough(), new PassThrough()] as const
  const lines: string[] = []
  let time = 0
  captureOutput({ streams, now: () => time, onOutput: line => lines.push(line) })
  const advance = (ms: number) => {
    time += ms
  }
  return { out: streams[0], err: streams[1], lines, advance }
}

it('gives whole lines of both outputs, and the rest at the end', async () => {
  const { out, err, lines } = start()
  for (const text of ['on', 'e\ntwo\nth', 'ree']) out.write(text)
  err.end('from the other\n')
  out.end()
  await turn()
  expect(lines.sort()).toEqual(['from the other', 'one', 'three', 'two'])
})

it('cuts lines, and gives pieces of one that never ends', async () => {
  const { out, lines } = start()
  out.write(`${'x'.repeat(LOG_LINE_CHARS + 10)}\n`)
  out.write('y'.repeat(LOG_LINE_CHARS + 1))
  await turn()
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(line.length).toBeLessThan(LOG_LINE_CHARS + 20)
})

it('drops lines above the rate and says how many', async () => {
  const { out, lines, advance } = start()
  out.write('line\n'.repeat(LOG_LINES + 7))
  await turn()
  expect(lines).toHaveLength(LOG_LINES)
  advance(LOG_WINDOW_MS)
  out.write('next\n')
  await turn()
  expect(lines.slice(LOG_LINES)).toEqual(['[7 lines were dropped: too many at once]', 'next'])
})

it('reads no more once there was too much', async () => {
  const { out, err, lines } = start()
  out.write('z'.repeat(MAX_OUTPUT_BYTES + 1))
  await turn()
  expect(lines.at(-1)).toContain('the rest is not read')
  expect([out.destroyed, err.destroyed]).toEqual([true, true])
})
