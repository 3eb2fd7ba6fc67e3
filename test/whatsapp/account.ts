// A person on WhatsApp: number, LID, name, phone, linked devices, settings; and the directory of all of them.
import { createHash } from 'node:crypto'
import { type AppState, createAppState } from './app-state.ts'
import type { Companion } from './companion.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { isLid, jid, readJid } from './nodes.ts'
import { createPhoneMemory, type PhoneMemory } from './phone-memory.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { createSimDevice, type SimDevice } from './sim-device.ts'

/** Which receipts a person's phone sends by itself. */
export type ReceiptHabit = 'none' | 'delivery' | 'read'

/** What a test needs to name somebody. */
export interface Person {
  /** The phone number, digits only. */
  readonly pn: string
  readonly lid: string
  readonly pnJid: string
  readonly lidJid: string
  readonly name: string
}

/** `synced` is when a device says the push name, which it has from the last of what the phone tells a new one. */
export interface Milestone {
  readonly device: number
  readonly reached: 'online' | 'offline' | 'synced'
}

export interface Account extends Person {
  receipts: ReceiptHabit
  /** The phone. A reinstall gives it another identity. */
  device: SimDevice
  /** Linked devices that are simulated too, as contacts have them. */
  readonly simulated: Map<number, SimDevice>
  /** Linked devices that are clients under test. */
  readonly companions: Map<number, Companion>
  nextCompanionId: number
  /** What this person's phone could decrypt. */
  readonly inbox: Inbox
  /** What became of the linked devices, in order. */
  readonly milestones: Recorder<Milestone>
  readonly appState: AppState
  /** What the phone tells devices that are linked to it. */
  readonly memory: PhoneMemory
  /** The messages whose files the phone has no more. */
  readonly lostFiles: Set<string>
  readonly privacy: Map<string, string>
  readonly blocked: Set<string>
  /** Whom the server was told to be a trusted contact, once for each time. */
  readonly trusted: string[]
  about: string
  /** Where the profile picture lies on the media host. */
  picture: string | undefined
}

const PRIVACY_NAMES = [
  'last',
  'online',
  'profile',
  'status',
  'readreceipts',
  'groupadd',
  'calladd',
  'messages',
]

/** A LID as WhatsApp's look, and the same for the same number in every run. */
function lidOf(pn: string): string {
  const digest = createHash('sha256').update(pn).digest()
  return String(100_000_000_000_000 + digest.readUIntBE(0, 5))
}

function createAccount(pn: string, name: string): Account {
  const lid = lidOf(pn)
  return {
    pn,
    lid,
    pnJid: jid(pn, 's.whatsapp.net'),
    lidJid: jid(lid, 'lid'),
    name,
    receipts: 'delivery',
    device: createSimDevice(),
    simulated: new Map(),
    companions: new Map(),
    nextCompanionId: 1,
    inbox: createInbox(`inbox of ${name} (${pn})`),
    milestones: createRecorder({
      what: `milestones of the devices of ${name} (${pn})`,
      describe: ({ device, reached }) => `${device} ${reached}`,
    }),
    appState: createAppState(name),
    memory: createPhoneMemory(),
    lostFiles: new Set(),
    trusted: [],
    privacy: new Map(PRIVACY_NAMES.map(each => [each, 'all'])),
    blocked: new Set(),
    about: 'Hey there!',
    picture: undefined,
  }
}

/** The simulated device with this number; 0 is the phone. */
export function simulatedDevice({ device, simulated }: Account, id: number): SimDevice | undefined {
  return id === 0 ? device : simulated.get(id)
}

/** The numbers of all devices but the phone, simulated or not. */
export function linkedIds({ simulated, companions }: Account): number[] {
  return [...simulated.keys(), ...companions.keys()]
}

/** One of the two addresses of a person, of the phone unless a device is named. */
export function addressOf({ pn, lid }: Person, by: 'pn' | 'lid', device = 0): string {
  return by === 'lid' ? jid(lid, 'lid', device) : jid(pn, 's.whatsapp.net', device)
}

export interface Directory {
  /** The account of this number, made when it is new. */
  register(pn: string, name?: string): Account
  all(): Iterable<Account>
  /** The account behind a number or an address of either kind; undefined for people who are not on WhatsApp. */
  find(address: string | undefined): Account | undefined
}

/** Makes an empty world. */
export function createDirectory(): Directory {
  const byNumber = new Map<string, Account>()
  const byLid = new Map<string, Account>()
  return {
    register(pn, name = `User ${pn.slice(-4)}`) {
      const known = byNumber.get(pn)
      if (known) return known
      const account = createAccount(pn, name)
      byNumber.set(pn, account)
      byLid.set(account.lid, account)
      return account
    },
    all: () => byNumber.values(),
    find(address) {
      if (address === undefined) return undefined
      const user = readJid(address)?.user ?? address
      return isLid(address) ? byLid.get(user) : byNumber.get(user)
    },
  }
}
