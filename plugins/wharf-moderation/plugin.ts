// Judges what is about to be sent, by the rules of rules.ts. Where it fails, or is down, nothing is sent: that is what its
// manifest asks for.
import type { HookContext, Plugin, PluginContext } from '../../src/contract/plugin.ts'
import { findPhrases, holdsCardNumber, isWithin, linkedHosts, maskRanges } from './rules.ts'

/** Fields of a send that people read. */
const texts = ['text', 'caption', 'body', 'description'] as const

export default class Moderation implements Plugin {
  onEnable(context: PluginContext): void {
    // Late, so that it judges what the plugins before it have made of the message.
    context.registerHook('message:sending', event => judge(context, event), 1_000)
  }
}

function judge(context: PluginContext, { data }: HookContext<'message:sending'>) {
  const rules = rulesOf(context.config)
  const input: Record<string, unknown> & { chatId: string } = { ...data.input }
  let isMasked = false
  for (const field of texts) {
    const text = input[field]
    if (typeof text !== 'string' || text === '') continue
    const found = findPhrases(text, rules.words)
    const why = refusal(text, rules, found.length)
    if (why !== null) {
      // The text itself is nothing for a log.
      context.logger.warn(`A ${data.type} message was refused: ${why}`)
      return { continue: false }
    }
    if (found.length === 0) continue
    input[field] = maskRanges(text, found)
    isMasked = true
  }
  return isMasked ? { data: { ...data, input } } : undefined
}

type Rules = ReturnType<typeof rulesOf>

function refusal(text: string, rules: Rules, blockedWords: number): string | null {
  if (blockedWords > 0 && rules.action === 'block') return 'it holds a blocked word'
  if (rules.blockCardNumbers && holdsCardNumber(text)) return 'it holds the number of a card'
  const isForeign = (host: string) => !rules.allowedDomains.some(domain => isWithin(host, domain))
  if (rules.blockLinks && linkedHosts(text).some(isForeign)) return 'it holds a link'
  return null
}

function rulesOf(config: Readonly<Record<string, unknown>>) {
  const rows = (key: string, field: string): string[] => {
    const list = config[key]
    if (list === undefined || list === null) return []
    if (!Array.isArray(list)) throw new Error(`${key} is not a list`)
    return list.map(row => {
      if (typeof row?.[field] === 'string') return row[field]
      throw new Error(`a row of ${key} has no ${field}`)
    })
  }
  return {
    words: rows('words', 'text'),
    allowedDomains: rows('allowedDomains', 'domain'),
    action: config.action === 'mask' ? 'mask' : 'block',
    blockLinks: config.blockLinks === true,
    blockCardNumbers: config.blockCardNumbers !== false,
  } as const
}
