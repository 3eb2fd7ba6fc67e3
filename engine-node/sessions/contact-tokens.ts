// Tells WhatsApp once a week which people this account writes to (their "trusted contact" token), behind a message to them as
// WhatsApp Web does. Baileys does it too, but in the transaction of the send: what it notes is lost with that, so that it would
// ask behind each message.
import {
  isJidBot,
  isJidMetaAI,
  isLidUser,
  isPnUser,
  normalizeMessageContent,
  PSA_WID,
  type SignalKeyStore,
  unixTimestampSeconds,
  type WAMessageContent,
  type WASocket,
} from 'baileys'
import {
  buildMergedTcTokenIndexWrite,
  resolveIssuanceJid,
  resolveTcTokenJid,
  shouldSendNewTcToken,
  storeTcTokensFromIqResult,
} from 'baileys/lib/Utils/tc-token-utils.js'

type Socket = Pick<WASocket, 'signalRepository' | 'serverProps' | 'issuePrivacyTokens'>

export interface ContactTokens {
  /** The keys as Baileys is to see them: what is being asked for counts as asked for. */
  readonly keys: SignalKeyStore
  /** Sends a message with `relay`; whom it is the first to in its week WhatsApp is told behind it. Rejects as `relay` does. */
  behind(
    sock: Socket,
    to: { jid: string; content: WAMessageContent },
    relay: () => Promise<unknown>,
  ): Promise<void>
}

type Entry = NonNullable<Awaited<ReturnType<typeof tokenOf>>>

const tokenOf = async (keys: SignalKeyStore, jid: string) => (await keys.get('tctoken', [jid]))[jid]

export function createContactTokens(deps: {
  keys: SignalKeyStore
  /** What came of it is told to nobody else: the next message tries again. */
  failed: (error: unknown) => void
}): ContactTokens {
  const { keys } = deps
  /** Epoch seconds by the address that tokens are stored under. */
  const asking = new Map<string, number>()
  // Baileys' functions ask for transactions in their types only.
  const store = keys as Parameters<typeof buildMergedTcTokenIndexWrite>[0]

  async function ask(sock: Socket, jid: string, storedAs: string, at: number) {
    const { lidMapping } = sock.signalRepository
    const getLIDForPN = lidMapping.getLIDForPN.bind(lidMapping)
    const issueTo = await resolveIssuanceJid(
      jid,
      sock.serverProps.lidTrustedTokenIssueToLid,
      getLIDForPN,
      lidMapping.getPNForLID.bind(lidMapping),
    )
    const result = await sock.issuePrivacyTokens([issueTo], at)
    // Baileys gives nothing where nothing came in time.
    if (result === undefined) throw new Error('WhatsApp did not answer')
    await storeTcTokensFromIqResult({ result, fallbackJid: storedAs, keys: store, getLIDForPN })
    const index = await buildMergedTcTokenIndexWrite(store, [storedAs])
    await keys.set({ tctoken: { [storedAs]: asked(await tokenOf(keys, storedAs), at), ...index } })
  }

  return {
    keys: {
      ...keys,
      async get(type, ids) {
        const found = await keys.get(type, ids)
        if (type !== 'tctoken' || asking.size === 0) return found
        const tokens = found as Record<string, Entry>
        for (const id of ids) {
          const at = asking.get(id)
          if (at !== undefined) tokens[id] = asked(tokens[id], at)
        }
        return found
      },
    },
    async behind(sock, { jid, content }, relay) {
      const { lidMapping } = sock.signalRepository
      const storedAs = takesToken(jid, content)
        ? await resolveTcTokenJid(jid, lidMapping.getLIDForPN.bind(lidMapping))
        : null
      const isDue =
        storedAs !== null &&
        !asking.has(storedAs) &&
        shouldSendNewTcToken((await tokenOf(keys, storedAs))?.senderTimestamp)
      if (!isDue) return void (await relay())
      // By the clock that Baileys holds it against.
      const at = unixTimestampSeconds()
      asking.set(storedAs, at)
      try {
        await relay()
      } catch (error) {
        asking.delete(storedAs)
        throw error
      }
      ask(sock, jid, storedAs, at)
        .catch(deps.failed)
        .finally(() => asking.delete(storedAs))
    },
  }
}

const asked = (entry: Entry | undefined, at: number): Entry => ({
  token: Buffer.alloc(0),
  ...entry,
  senderTimestamp: at,
})

/** People, and messages that people read: as WhatsApp Web and Baileys have it. */
function takesToken(jid: string, content: WAMessageContent): boolean {
  const isPerson = (isPnUser(jid) || isLidUser(jid)) && jid !== PSA_WID && !isJidBot(jid) && !isJidMetaAI(jid)
  return isPerson === true && !normalizeMessageContent(content)?.protocolMessage
}
