// Translates messages into the language of their chat. Which language that is the chat says by a command; LibreTranslate does
// the translating.
import type { HookContext, IncomingMessage, Plugin, PluginContext } from '../../src/contract/plugin.ts'

interface Settings {
  url: string
  apiKey: string
  language: string
  command: string
}

/** As the command takes it and LibreTranslate knows it: `en`, `pt-BR`. */
const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z]{2,4})?$/

export default class Translation implements Plugin {
  onEnable(context: PluginContext): void {
    context.registerHook('message:received', event => hear(context, event), 50)
  }

  async healthCheck() {
    return { healthy: true, message: 'Set a language by the command in a chat' }
  }
}

/** Answers at once: a translation may take longer than a hook has time. */
function hear(context: PluginContext, { data, sessionId, source }: HookContext<'message:received'>): void {
  if (source !== 'Engine' || !sessionId || data.fromMe || data.body === '') return
  // Read here, while it is that of this session.
  const settings = settingsOf(context.config)
  const chat = { context, settings, sessionId, message: data }
  void answer(chat).catch(error => context.logger.warn(`A message was not translated: ${String(error)}`))
}

interface Chat {
  context: PluginContext
  settings: Settings
  sessionId: string
  message: IncomingMessage
}

async function answer(chat: Chat): Promise<void> {
  const { command } = chat.settings
  const [word = '', argument = ''] = chat.message.body.trim().split(/\s+/, 2)
  if (word.toLowerCase() === command.toLowerCase()) return await obey(chat, argument)
  const language = await languageOf(chat)
  if (language === '') return
  const { text, from } = await translate(chat, chat.message.body, language)
  if (from !== language && text.trim() !== chat.message.body.trim()) await reply(chat, text)
}

async function obey(chat: Chat, argument: string): Promise<void> {
  const { context, message, settings } = chat
  if (argument === '') {
    const language = await languageOf(chat)
    if (!message.quotedMessage || language === '')
      return await reply(chat, `Write ${settings.command} and a language such as "en", or "off".`)
    return await reply(chat, (await translate(chat, message.quotedMessage.body, language)).text)
  }
  if (message.isGroup && !(await isAdmin(chat)))
    return await reply(chat, 'Only admins set the language here.')
  if (argument !== 'off' && !LANGUAGE.test(argument))
    return await reply(chat, `"${argument.slice(0, 20)}" is no language code. Try "en" or "es".`)
  await context.storage.set(keyOf(chat), argument)
  await reply(chat, argument === 'off' ? 'Translation is off.' : `Messages are translated to ${argument}.`)
}

/** Empty for a chat that is not translated. */
async function languageOf(chat: Chat): Promise<string> {
  const chosen = await chat.context.storage.get(keyOf(chat))
  if (chosen === 'off') return ''
  return typeof chosen === 'string' ? chosen : chat.settings.language
}

const keyOf = ({ sessionId, message }: Chat) => `language:${sessionId}:${message.chatId}`

async function isAdmin({ context, sessionId, message }: Chat): Promise<boolean> {
  if (message.author === undefined) return false
  const [group, author] = await Promise.all([
    context.engine.getGroupInfo(sessionId, message.chatId),
    context.engine.canonicalChatId(sessionId, message.author),
  ])
  return group.participants.some(({ id, isAdmin }) => isAdmin && (id === author || id === message.author))
}

async function translate({ context, settings }: Chat, text: string, target: string) {
  const response = await context.net.fetch(`${settings.url.replace(/\/+$/, '')}/translate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      q: text,
      source: 'auto',
      target,
      format: 'text',
      ...(settings.apiKey === '' ? {} : { api_key: settings.apiKey }),
    }),
  })
  if (!response.ok) throw new Error(`LibreTranslate answered ${response.status}`)
  const answer = JSON.parse(response.body) as {
    translatedText?: unknown
    detectedLanguage?: { language?: unknown }
  }
  if (typeof answer.translatedText !== 'string') throw new Error('LibreTranslate answered without a text')
  return { text: answer.translatedText, from: answer.detectedLanguage?.language }
}

const reply = async ({ context, sessionId, message }: Chat, text: string) =>
  void (await context.messages.reply(sessionId, message.chatId, message.id, text))

function settingsOf(config: Readonly<Record<string, unknown>>): Settings {
  const text = (key: string, fallback: string) => {
    const value = config[key]
    return typeof value === 'string' && value !== '' ? value : fallback
  }
  return {
    url: text('libretranslateUrl', 'http://localhost:5000'),
    apiKey: text('apiKey', ''),
    language: text('language', ''),
    command: text('command', '!translate'),
  }
}
