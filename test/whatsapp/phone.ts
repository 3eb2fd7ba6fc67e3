// The phone of an account's owner, as a test speaks of it: scans, types, removes and cuts off its linked devices.
import type { ChatModification } from 'baileys'
import type { LabelActionBody } from 'baileys/lib/Types/Label.js'
import type { Account, Person } from './account.ts'
import type { Change } from './app-state.ts'
import { isOnline } from './companion.ts'
import { reader } from './contact.ts'
import type { DeviceNotices } from './device-notices.ts'
import { disconnect, type Ending } from './faults.ts'
import type { Received } from './inbox.ts'
import { freshId, node, SERVER, seconds } from './nodes.ts'
import { isGroup } from './outgoing.ts'
import type { Pairing } from './pairing.ts'
import type { PairingCode } from './pairing-code.ts'
import type { HistoryChat, PhoneMemory } from './phone-memory.ts'
import type { Post } from './post.ts'
import type { Recorder } from './recorder.ts'
import type { SharedSettings } from './shared-settings.ts'
import type { Voice } from './voice.ts'

type Chat = Person | { readonly jid: string }

export interface Phone extends Person, Omit<Voice, 'write'> {
  /** Links the device that shows this QR. Resolves when it is linked; rejects if the QR is stale or it refuses. */
  scan(qr: string): Promise<{ readonly device: number }>
  /**
   * Types the code that a client shows for this number, with or without its dash. Resolves when it is linked; rejects
   * when the client shows another code.
   */
  enterCode(code: string): Promise<{ readonly device: number }>
  /** Sends a message typed on the phone itself; its linked devices see it as their own. */
  types: Voice['write']
  /** The chats that the phone tells a device that is linked to it from now on. */
  history: readonly HistoryChat[]
  /** What it knows besides, and tells only a device that asks. */
  olderHistory: readonly HistoryChat[]
  /** In which pieces it tells, and where they lie. */
  readonly historySync: Pick<PhoneMemory, 'via' | 'chunk'>
  /** The file of a message is gone from the phone too: nobody can upload it again. */
  losesFile(id: string): void
  /** Changes any setting that all devices share, as `chatModify` of Baileys would. */
  changes(change: ChatModification, chat?: Chat): Promise<void>
  archives(chat: Chat, archived?: boolean): Promise<void>
  /** For this long, or no more. */
  mutes(chat: Chat, milliseconds: number | undefined): Promise<void>
  pins(chat: Chat, pinned?: boolean): Promise<void>
  marksRead(chat: Chat, read?: boolean): Promise<void>
  /** Puts somebody in the address book, or takes them out. */
  saves(person: Person, name: string | undefined): Promise<void>
  renames(name: string): Promise<void>
  addsLabel(label: LabelActionBody): Promise<void>
  labels(chat: Chat, labelId: string, on?: boolean): Promise<void>
  /** Whom the owner has blocked, on whatever device. */
  readonly blocked: ReadonlySet<string>
  readonly privacy: ReadonlyMap<string, string>
  /** Whom linked devices have told the server to trust, once for each time. */
  readonly trusted: readonly string[]
  /** Keeps no more than so many one-time keys of linked devices, and tells them so unless it is `silently`. */
  runsLowOnKeys(left: number, options?: { readonly silently: boolean }): void
  /** How many one-time keys of a linked device the server has. */
  keysLeft(device: number): number
  /** The settings that linked devices wrote. */
  readonly settings: Recorder<Change>
  /**
   * Has the server hold back what is for the linked devices, until told otherwise. What is ready by then goes out at once,
   * so that a measure need not contain the work of making it ready, and so often as is said, as a server does that has lost
   * track. A login in between brings it, as always.
   */
  holdsBack(holding: boolean, options?: { readonly copies: number }): void
  /** Has the server end the connections of the linked devices; `removed` unlinks them too. */
  disconnect(kind: Ending): void
  readonly isLinked: boolean
  /** A linked device is connected and takes messages. */
  readonly isOnline: boolean
  online(): Promise<void>
  offline(): Promise<void>
  /**
   * A linked device has all that the phone tells a new one. Wait for it before the first disconnect: Baileys holds
   * back its events for 20 s at a login if it was cut off before.
   */
  synced(): Promise<void>
  /** What its linked devices sent, as mirrored to the phone. */
  readonly inbox: readonly Received[]
  next(wanted?: (message: Received) => boolean, timeoutMs?: number): Promise<Received>
}

interface Deps {
  readonly account: Account
  readonly voice: Voice
  readonly settings: SharedSettings
  readonly notices: DeviceNotices
  readonly post: Post
  readonly pairing: Pairing
  readonly pairingCode: PairingCode
}

/** Gives an account its voice as the owner of linked devices. */
export function createPhone({ account, voice, settings, notices, post, pairing, pairingCode }: Deps): Phone {
  const { write, ...reactions } = voice
  const { appState, memory, lostFiles } = account
  const changes = (change: ChatModification, chat?: Chat) =>
    settings.write(account, change, chat && (isGroup(chat) ? chat.jid : chat.pnJid))
  const { pn, lid, pnJid, lidJid, name, companions, milestones } = account

  const phone: Phone = {
    pn,
    lid,
    pnJid,
    lidJid,
    name,
    async scan(qr) {
      const { id } = await pairing.scan(qr, account)
      return { device: id }
    },
    async enterCode(code) {
      const { id } = await pairingCode.enter(code, account)
      return { device: id }
    },
    types: write,
    ...reactions,
    get history() {
      return memory.chats
    },
    set history(chats) {
      memory.chats = chats
    },
    get olderHistory() {
      return memory.older
    },
    set olderHistory(older) {
      memory.older = older
    },
    historySync: memory,
    losesFile: id => void lostFiles.add(id),
    changes,
    archives: (chat, archive = true) => changes({ archive, lastMessages: [] }, chat),
    mutes: (chat, milliseconds) => changes({ mute: milliseconds ? Date.now() + milliseconds : null }, chat),
    pins: (chat, pin = true) => changes({ pin }, chat),
    marksRead: (chat, markRead = true) => changes({ markRead, lastMessages: [] }, chat),
    saves: (person, fullName) =>
      changes(
        { contact: fullName ? { fullName, lidJid: person.lidJid, saveOnPrimaryAddressbook: true } : null },
        person,
      ),
    renames: pushNameSetting => changes({ pushNameSetting }),
    addsLabel: addLabel => changes({ addLabel }),
    labels: (chat, labelId, on = true) =>
      changes(on ? { addChatLabel: { labelId } } : { removeChatLabel: { labelId } }, chat),
    settings: appState.changes,
    blocked: account.blocked,
    privacy: account.privacy,
    trusted: account.trusted,
    runsLowOnKeys(left, { silently } = { silently: false }) {
      for (const device of companions.values()) {
        device.preKeys.splice(left)
        if (silently) continue
        const attrs = { from: SERVER, type: 'encrypt', id: freshId(), t: seconds() }
        post.deliver(device, node('notification', attrs, [node('count', { value: left })]))
      }
    },
    keysLeft: device => companions.get(device)?.preKeys.length ?? 0,
    holdsBack(holding, { copies } = { copies: 1 }) {
      for (const device of companions.values()) {
        const ready = device.held ?? []
        device.held = holding ? ready : undefined
        if (holding) continue
        for (const send of ready) for (let copy = 0; copy < copies; copy += 1) send()
      }
    },
    disconnect(kind) {
      const removed = kind === 'removed' ? [...companions.keys()] : []
      disconnect(account, kind)
      for (const device of removed) notices.tell(account, 'remove', device)
    },
    get isLinked() {
      return companions.size > 0
    },
    get isOnline() {
      return [...companions.values()].some(isOnline)
    },
    async online() {
      while (!phone.isOnline) await milestones.take(({ reached }) => reached === 'online')
    },
    async offline() {
      while (phone.isOnline) await milestones.take(({ reached }) => reached === 'offline')
    },
    synced: async () => void (await milestones.find(({ reached }) => reached === 'synced')),
    ...reader(account.inbox),
  }
  return phone
}
