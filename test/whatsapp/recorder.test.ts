import { expect, it } from 'vitest'
import { createRecorder } from './recorder.ts'

const create = (limit?: number) =>
  createRecorder<string>({ what: 'words', describe: word => word, ...(limit && { limit }) })

it('finds what has come and what is to come', async () => {
  const words = create()
  words.add('past')
  expect(await words.find(word => word === 'past')).toBe('past')
  const future = words.find(word => word === 'future')
  words.add('present')
  words.add('future')
  expect(await future).toBe('future')
})

it('gives each away once, and keeps what was passed over', async () => {
  const words = create()
  const waiting = [words.take(() => true), words.take(() => true)]
  for (const word of ['a', 'b', 'c', 'd']) words.add(word)
  expect(await Promise.all(waiting)).toEqual(['a', 'b'])
  expect(await words.take(word => word === 'd')).toBe('d')
  expect(await words.take(() => true)).toBe('c')
  expect(await words.find(() => true)).toBe('a')
})

it('says what came instead when its patience ends', async () => {
  const words = create()
  words.add('this')
  const missed = words.take(word => word === 'that', 5)
  words.add('and this')
  await expect(missed).rejects.toThrow('words: the wanted one did not come within 5 ms. Came: this; and this')
})

it('forgets the oldest above its limit', () => {
  const words = create(2)
  for (const word of ['a', 'b', 'c']) words.add(word)
  expect(words.all).toEqual(['b', 'c'])
})
