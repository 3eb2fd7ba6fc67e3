// What a message says besides its text, in the fields of OpenWA's IncomingMessage: places, polls, cards, buttons, orders. Pure.
import { normalizeMessageContent, proto, toNumber } from 'baileys'
import type { IncomingMessage } from '../../src/contract/message.ts'
import { toNeutral } from './jid.ts'
import { finiteOf } from './told-numbers.ts'

type Content = proto.IMessage
export type Details = Partial<
  Pick<
    IncomingMessage,
    | 'location'
    | 'poll'
    | 'vcards'
    | 'buttons'
    | 'button'
    | 'order'
    | 'product'
    | 'call'
    | 'backgroundColor'
    | 'font'
  >
>
type Readers = { [N in keyof Content]?: (part: NonNullable<Content[N]>) => Details }

/** What WhatsApp calls a poll, by the year. */
export const pollNames = [
  'pollCreationMessage',
  'pollCreationMessageV2',
  'pollCreationMessageV3',
  'pollCreationMessageV5',
] as const

/** Only fields that are there: an absent one and an empty one are the same to a reader. */
const filled = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null && value !== '')) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

function place(part: proto.Message.ILocationMessage): Details {
  const latitude = finiteOf(part.degreesLatitude ?? 0)
  const longitude = finiteOf(part.degreesLongitude ?? 0)
  if (latitude === null || longitude === null) return {}
  return {
    location: {
      latitude,
      longitude,
      ...filled({ description: part.name ?? part.comment, address: part.address, url: part.url }),
    },
  }
}

function poll({ name, options, selectableOptionsCount }: proto.Message.IPollCreationMessage): Details {
  return {
    poll: {
      name: name ?? '',
      options: (options ?? []).map(({ optionName }) => optionName ?? ''),
      allowMultipleAnswers: selectableOptionsCount !== 1,
    },
  }
}

const chosen = (id: string | null | undefined, text: string | null | undefined): Details =>
  id ? { button: { id, ...filled({ text }) } } : {}

function offered(
  buttons: readonly { id: string | null | undefined; text: string | null | undefined }[],
): Details {
  const known = buttons.flatMap(({ id, text }) => (id ? [{ id, text: text ?? '' }] : []))
  return known.length > 0 ? { buttons: known } : {}
}

/** The parameters of a native flow are JSON that a stranger wrote. */
function parsed(json: string | null | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json ?? '')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    // Not JSON: a message without what would have stood there.
    return {}
  }
}
const textOf = (value: unknown) => (typeof value === 'string' ? value : null)

const readers: Readers = {
  locationMessage: place,
  liveLocationMessage: part =>
    place({ degreesLatitude: part.degreesLatitude ?? null, degreesLongitude: part.degreesLongitude ?? null }),
  ...Object.fromEntries(pollNames.map(name => [name, poll])),
  contactMessage: ({ vcard }) => ({ vcards: [vcard ?? ''] }),
  contactsArrayMessage: ({ contacts }) => ({ vcards: (contacts ?? []).map(({ vcard }) => vcard ?? '') }),
  buttonsMessage: ({ buttons }) =>
    offered(
      (buttons ?? []).map(({ buttonId, buttonText }) => ({ id: buttonId, text: buttonText?.displayText })),
    ),
  templateMessage: ({ hydratedTemplate }) =>
    offered(
      (hydratedTemplate?.hydratedButtons ?? []).map(({ quickReplyButton }) => ({
        id: quickReplyButton?.id,
        text: quickReplyButton?.displayText,
      })),
    ),
  listMessage: ({ sections }) =>
    offered(
      (sections ?? []).flatMap(({ rows }) =>
        (rows ?? []).map(({ rowId, title }) => ({ id: rowId, text: title })),
      ),
    ),
  interactiveMessage: ({ nativeFlowMessage }) =>
    offered(
      (nativeFlowMessage?.buttons ?? []).map(({ buttonParamsJson }) => {
        const { id, display_text } = parsed(buttonParamsJson)
        return { id: textOf(id), text: textOf(display_text) }
      }),
    ),
  buttonsResponseMessage: part => chosen(part.selectedButtonId, part.selectedDisplayText),
  templateButtonReplyMessage: part => chosen(part.selectedId, part.selectedDisplayText),
  listResponseMessage: part => chosen(part.singleSelectReply?.selectedRowId, part.title),
  interactiveResponseMessage: ({ body, nativeFlowResponseMessage }) =>
    chosen(textOf(parsed(nativeFlowResponseMessage?.paramsJson).id), body?.text),
  orderMessage: part =>
    part.orderId
      ? {
          order: {
            id: part.orderId,
            ...filled({
              title: part.orderTitle,
              itemCount: part.itemCount,
              token: part.token,
              sellerId: part.sellerJid && toNeutral(part.sellerJid),
              currency: part.totalCurrencyCode,
              total: part.totalAmount1000 == null ? null : toNumber(part.totalAmount1000) / 1000,
            }),
          },
        }
      : {},
  productMessage: ({ product, businessOwnerJid }) =>
    product?.productId
      ? {
          product: {
            id: product.productId,
            ...filled({
              title: product.title,
              description: product.description,
              currency: product.currencyCode,
              price: product.priceAmount1000 == null ? null : toNumber(product.priceAmount1000) / 1000,
              url: product.url,
              businessOwnerId: businessOwnerJid && toNeutral(businessOwnerJid),
            }),
          },
        }
      : {},
  callLogMesssage: ({ isVideo, callOutcome }) => ({
    call: {
      video: isVideo === true,
      missed: callOutcome === proto.Message.CallLogMessage.CallOutcome.MISSED,
    },
  }),
  extendedTextMessage: ({ backgroundArgb, font }) => ({
    ...(backgroundArgb
      ? { backgroundColor: `#${(backgroundArgb >>> 0).toString(16).padStart(8, '0')}` }
      : {}),
    ...(font ? { font } : {}),
  }),
}

/** `content` is without wrappers. */
export function detailsOf(content: Content): Details {
  for (const [name, read] of Object.entries(readers)) {
    const part = content[name as keyof Content]
    if (part) return (read as (part: unknown) => Details)(part)
  }
  return {}
}

/** Wrappers that Baileys leaves on; each has the message inside. */
const wrappers = ['lottieStickerMessage', 'pollCreationMessageV4', 'questionMessage'] as const

/** The message without what is wrapped around it: disappearing, view-once, caption and the like. */
export function bare(message: Content | null | undefined): Content | undefined {
  const content = normalizeMessageContent(message)
  const wrapper = wrappers.find(name => content?.[name]?.message)
  return wrapper ? normalizeMessageContent(content?.[wrapper]?.message) : content
}

/** True of a message that is to be seen once. */
export function isViewOnce(message: Content | null | undefined): boolean {
  const outer = message?.ephemeralMessage?.message ?? message
  if (outer?.viewOnceMessage || outer?.viewOnceMessageV2 || outer?.viewOnceMessageV2Extension) return true
  const content = normalizeMessageContent(message)
  return [content?.imageMessage, content?.videoMessage, content?.audioMessage].some(
    part => part?.viewOnce === true,
  )
}
