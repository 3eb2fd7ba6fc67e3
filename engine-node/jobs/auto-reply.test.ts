import { afterEach, describe, expect, it } from 'vitest'
import type { IncomingMessage } from '../../src/contract/message.ts'
import { sendJobs } from '../../src/db/schema.ts'
import type { HookRunner } from '../pipeline/message-news.ts'
import { CHAT, createWorld, openJobs, SESSION } from './jobs.fixtures.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const rig of open.splice(0).reverse()) await rig[Symbol.asyncDispose]()
})

const chain: HookRunner = {
  order: () => [],
  run: async (_event, data) => ({ continue: true, data }),
}

async function start(world = createWorld()) {
  const rig = await openJobs(world)
  open.push(rig)
  const behind = rig.jobs.behind(chain)
  let count = 0
  return {
    world,
    rig,
    behind,
    add: (more: object = {}) =>
      rig.jobs.handlers['automation.create']({
        sessionId: SESSION,
        input: {
          name: 'r',
          enabled: true,
          conditions: null,
          replyText: 'back soon',
          cooldownSeconds: 60,
          ...more,
        },
      }),
    /** A message comes in, and what it leads to goes out. */
    async hear(more: Partial<IncomingMessage> = {}) {
      count += 1
      const message = {
        id: `IN${count}`,
        from: CHAT,
        to: 'me@c.us',
        chatId: CHAT,
        body: 'hi',
        type: 'text',
        timestamp: world.clock.now() / 1_000,
        fromMe: false,
        isGroup: false,
        kind: 'individual',
        ...more,
      } as IncomingMessage
      await behind.run('message:received', message, { sessionId: SESSION, source: 'Engine' })
      await rig.quiet()
      return message
    },
  }
}

describe('an automatic answer', () => {
  it('goes to the chat, then keeps quiet there for its cooldown, also over a restart', async () => {
    const first = await start()
    const { world } = first
    await first.add()
    await first.hear()
    await first.hear()
    await first.hear({ chatId: '15550000002@c.us' })
    expect(world.wire).toMatchObject([
      { chatId: CHAT, text: 'back soon', source: 'MessageService' },
      { chatId: '15550000002@c.us' },
    ])
    world.clock.advance(59_000)
    await open.pop()?.[Symbol.asyncDispose]()
    const second = await start(world)
    await second.hear({ id: 'A' })
    expect(world.wire).toHaveLength(2)
    world.clock.advance(1_000)
    await second.hear({ id: 'B' })
    expect(world.wire).toHaveLength(3)
  })

  it('is given once to a message that is told again', async () => {
    const { world, rig, add, behind, hear } = await start()
    await add({ cooldownSeconds: 0 })
    const message = await hear()
    await behind.run('message:received', message, { sessionId: SESSION, source: 'Engine' })
    await rig.quiet()
    expect(world.wire).toHaveLength(1)
    expect(await rig.db.select().from(sendJobs)).toHaveLength(1)
  })

  it('comes to an end where two answer each other without a cooldown', async () => {
    const { world, rig, add, hear } = await start()
    await add({ cooldownSeconds: 0 })
    for (let turn = 0; turn < 40; turn += 1) {
      world.clock.advance(1_000)
      await hear()
    }
    expect(world.wire).toHaveLength(30)
    expect(rig.warnings).toHaveLength(10)
    world.clock.advance(60 * 60_000)
    await hear()
    expect(world.wire).toHaveLength(31)
  })

  it('is not given in a chat that a person has taken over, nor by a rule that is off', async () => {
    const { world, rig, add, hear } = await start()
    const { id } = await add()
    rig.handedOver.add(CHAT)
    await hear()
    rig.handedOver.clear()
    const change = (input: object) =>
      rig.jobs.handlers['automation.update']({ sessionId: SESSION, ruleId: id as never, input })
    await change({ enabled: false })
    await hear()
    expect(world.wire).toEqual([])
    await change({ enabled: true, replyText: 'new' })
    await hear()
    expect(world.wire).toMatchObject([{ text: 'new' }])
  })

  it('counts as something that waits for messages only while there is a rule', async () => {
    const { rig, add, behind } = await start()
    expect(behind.order('message:received')).toEqual([])
    const { id } = await add()
    expect(behind.order('message:received')).toHaveLength(1)
    expect(behind.order('message:sent')).toEqual([])
    await rig.jobs.handlers['automation.delete']({ sessionId: SESSION, ruleId: id as never })
    expect(behind.order('message:received')).toEqual([])
  })

  it('sees a message as plugins have left it', async () => {
    const { world, rig, add } = await start()
    await add({ conditions: { conditions: [{ field: 'body', operator: 'is', value: 'translated' }] } })
    const rewriting: HookRunner = {
      ...chain,
      run: async (_event, data) => ({ continue: true, data: { ...data, body: 'translated' } }),
    }
    const message = {
      id: 'X',
      chatId: CHAT,
      body: 'foreign',
      kind: 'individual',
      timestamp: world.clock.now() / 1_000,
    }
    await rig.jobs
      .behind(rewriting)
      .run('message:received', message as never, { sessionId: SESSION, source: 'Engine' })
    await rig.quiet()
    expect(world.wire).toHaveLength(1)
  })

  it('is refused beyond the number of rules that a session may have', async () => {
    const { add } = await start()
    await add()
    await add()
    await expect(add()).rejects.toMatchObject({ code: 'automation_limit' })
  })
})
