// Answers messages that hold a keyword. The rules are the operator's; this file only matches, waits and replies.
import type { HookContext, Plugin, PluginContext } from '../../src/contract/plugin.ts'

interface Rule {
  keyword: string
  answer: string
}

export default class AutoReply implements Plugin {
  onEnable(context: PluginContext): void {
    context.registerHook('message:received', event => answer(context, event), 80)
    context.logger.log(`Auto reply is on with ${rulesOf(context.config).length} rules`)
  }
}

async function answer(context: PluginContext, { data, sessionId, source }: HookContext<'message:received'>) {
  // Only what a person wrote to this account: other sources repeat messages that were already answered.
  if (source !== 'Engine' || !sessionId || data.fromMe || data.body === '') return
  if (data.isGroup && context.config.inGroups !== true) return
  const text = data.body.toLowerCase()
  const rule = rulesOf(context.config).find(({ keyword }) => text.includes(keyword.toLowerCase()))
  if (!rule || !(await isDue(context, sessionId, data.chatId, rule, data.timestamp))) return
  await context.messages.reply(sessionId, data.chatId, data.id, rule.answer)
}

/** True when this chat has not had this rule's answer within the configured time; remembers that it gets it now. */
async function isDue(context: PluginContext, sessionId: string, chatId: string, rule: Rule, now: number) {
  const pause = Number(context.config.onceInSeconds ?? 0)
  if (!(pause > 0)) return true
  const key = `answered:${sessionId}:${chatId}:${rule.keyword}`
  const last = await context.storage.get(key)
  if (typeof last === 'number' && now - last < pause) return false
  await context.storage.set(key, now)
  return true
}

function rulesOf(config: Readonly<Record<string, unknown>>): Rule[] {
  const rules = Array.isArray(config.rules) ? config.rules : []
  return rules.filter(
    rule => typeof rule?.keyword === 'string' && rule.keyword !== '' && typeof rule.answer === 'string',
  )
}
