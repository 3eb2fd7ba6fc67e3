// What sends anything but a text (REST spec, rows 36 to 46, 53 and 56): one row per kind; the engine does the rest.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId, WaMessageId } from '../../contract/ids.ts'
import { SendResult } from '../../contract/message.ts'
import {
  ClickButton,
  Done,
  Forward,
  type MediaKind,
  mediaKinds,
  SendAudio,
  SendContact,
  SendLocation,
  SendMedia,
  SendPoll,
} from '../../contract/outgoing.ts'
import { boundaryOf, firstFile } from '../multipart.ts'
import { type Route, route } from '../route.ts'
import { SendQuery, sending, sent } from './messages.ts'
import { BySession } from './sessions.ts'

const shared = { role: 'operator', params: BySession, status: 201, result: SendResult } as const
const send = { ...shared, method: 'POST', query: SendQuery, idempotent: true } as const

const what: Record<MediaKind, string> = {
  image: 'Send an image by URL, base64 or upload',
  video: 'Send a video by URL, base64 or upload',
  audio: 'Send a recording by URL, base64 or upload; with ptt as a voice note',
  document: 'Send a file by URL, base64 or upload',
  sticker: 'Send a sticker by URL, base64 or upload',
}

/** As OpenWA's, for the engines that it knows: what WhatsApp's multi-device protocol does not let this one do. */
const notSupported = (path: string, summary: string, body: v.GenericSchema<object, { chatId: ChatId }>) =>
  route({
    ...shared,
    method: 'POST',
    path: `/sessions/:sid/messages/${path}`,
    summary: `${summary}; not supported`,
    body,
    chats: ({ body }) => [body.chatId],
    result: Done,
    handle() {
      throw new GatewayError('not_supported', `${summary} is not supported`)
    },
  })

const text = (max: number) =>
  v.pipe(v.string('must be a string'), v.maxLength(max, `must be at most ${max} characters`))

export const sendRoutes: readonly Route[] = [
  ...mediaKinds.map(kind =>
    route({
      ...send,
      path: `/sessions/:sid/messages/send-${kind}`,
      summary: what[kind],
      body: kind === 'audio' ? SendAudio : SendMedia,
      chats: ({ body }) => [body.chatId],
      later: ({ body }) => ({ type: kind, input: body }),
      async handle(ask, { engine }) {
        const input = { sessionId: ask.params.sid, kind, input: ask.body }
        return sent(await engine.call('message.sendMedia', { ...sending(ask), ...input }))
      },
    }),
  ),
  route({
    ...send,
    path: '/sessions/:sid/messages/send-location',
    summary: 'Send a place',
    body: SendLocation,
    chats: ({ body }) => [body.chatId],
    later: ({ body }) => ({ type: 'location', input: body }),
    async handle(ask, { engine }) {
      const input = { sessionId: ask.params.sid, input: ask.body }
      return sent(await engine.call('message.sendLocation', { ...sending(ask), ...input }))
    },
  }),
  route({
    ...send,
    path: '/sessions/:sid/messages/send-contact',
    summary: 'Send the card of a person',
    body: SendContact,
    chats: ({ body }) => [body.chatId],
    later: ({ body }) => ({ type: 'contact', input: body }),
    async handle(ask, { engine }) {
      const input = { sessionId: ask.params.sid, input: ask.body }
      return sent(await engine.call('message.sendContact', { ...sending(ask), ...input }))
    },
  }),
  route({
    ...send,
    path: '/sessions/:sid/messages/send-poll',
    summary: 'Send a poll',
    body: SendPoll,
    chats: ({ body }) => [body.chatId],
    later: ({ body }) => ({ type: 'poll', input: body }),
    async handle(ask, { engine }) {
      const input = { sessionId: ask.params.sid, input: ask.body }
      return sent(await engine.call('message.sendPoll', { ...sending(ask), ...input }))
    },
  }),
  route({
    ...send,
    path: '/sessions/:sid/messages/click-button',
    summary: 'Press a button of a message, or choose a row of it',
    body: ClickButton,
    chats: ({ body }) => [body.chatId],
    async handle(ask, { engine }) {
      const input = { sessionId: ask.params.sid, input: ask.body }
      return sent(await engine.call('message.clickButton', { ...sending(ask), ...input }))
    },
  }),
  route({
    ...send,
    path: '/sessions/:sid/messages/forward',
    summary: 'Send a message of one chat to another',
    body: Forward,
    chats: ({ body }) => [body.fromChatId, body.toChatId],
    later: ({ body }) => ({ type: 'forward', input: body }),
    async handle(ask, { engine }) {
      const input = { sessionId: ask.params.sid, input: ask.body }
      return sent(await engine.call('message.forward', { ...sending(ask), ...input }))
    },
  }),
  route({
    ...shared,
    method: 'POST',
    path: '/sessions/:sid/uploads',
    summary: 'Upload a file, as the body or as the file of a form; its id can be sent within an hour',
    stream: true,
    result: v.strictObject({ uploadId: v.string(), bytes: v.number() }),
    handle({ stream, headers }, { engine }) {
      if (!engine.files)
        throw new GatewayError(
          'not_supported',
          'Files can be uploaded only where the API runs with the engine',
        )
      if (!stream) throw new GatewayError('invalid_input', 'The request has no body')
      const boundary = boundaryOf(headers.get('content-type'))
      const body = stream as AsyncIterable<Uint8Array> & typeof stream
      return engine.files.put(boundary === null ? body : firstFile(body, boundary))
    },
  }),
  notSupported(
    'vote-poll',
    'Voting in a poll',
    v.strictObject({
      chatId: ChatId,
      pollMessageId: WaMessageId,
      options: v.pipe(v.array(text(100)), v.maxLength(12, 'must have at most 12 options')),
    }),
  ),
  notSupported(
    'send-product',
    'Sending a product',
    v.strictObject({ chatId: ChatId, productId: text(255), body: v.nullish(text(4096)) }),
  ),
]
