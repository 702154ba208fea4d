import { vi } from 'vitest'
import type { Channel, ChannelListener, ChannelMessage } from '../../src/cluster/channel.ts'
import type { Directory } from '../../src/cluster/directory.ts'
import { channelMessage } from '../../src/cluster/messages.ts'
import type { Address } from '../../src/domain/address.ts'
import type { MessagesLost } from '../../src/domain/events.ts'
import { Multimap } from '../../src/lib/multimap.ts'
import { ClusterPresence } from '../../src/presence/cluster-presence.ts'
import type { FriendIndex } from '../../src/presence/friend-index.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'

export const GRACE_MS = 5000
export const BEAT_MS = 5000

export function userOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}

/**
 * What the database of a test knows: on each instance somebody watches their friends, and is a friend of everybody who was
 * ever there.
 */
export class Friends {
  readonly watchers = new Set<Address>()
  readonly users = new Set<Address>([1, 2, 3, 4].map(userOf))

  /** The index of an instance. */
  indexOf(watcher: Address): Pick<FriendIndex, 'closenessTo' | 'isWatching' | 'friendsOf' | 'listen'> {
    this.watchers.add(watcher)
    return {
      closenessTo: () => 'locate',
      isWatching: user => user === watcher,
      friendsOf: async user => [...(this.watchers.has(user) ? this.users : this.watchers)],
      listen: listener => {
        listener.userChanged(watcher)
        listener.watched(watcher, [...this.users], true)
        return () => undefined
      }
    }
  }
}

/** Carries messages between the instances of a test, as text, in order, and a little later; and keeps their directory. */
export class Wires {
  readonly ends = new Set<Wire>()
  readonly friends = new Friends()
  /** Where everybody is, as the directory says. */
  readonly places = new Map<Address, Set<string>>()
  /** Instances whose mark is in the directory. */
  readonly kept = new Set<string>()
  /** Each message comes once more after so long, in milliseconds; 0 when it does not. */
  repeatMs = 0
  /** Given every message that is about to be delivered; false loses it. */
  filter: (message: ChannelMessage) => boolean = () => true

  /** @param user to whom an end must listen, or the name of an instance; null for all ends */
  deliver(from: Wire, text: string, user: string | null): void {
    if (this.repeatMs > 0) setTimeout(() => this.#arrive(from, text, user), this.repeatMs)
    setTimeout(() => this.#arrive(from, text, user), 1)
  }

  /** The directory loses everything. */
  empty(): void {
    this.places.clear()
    this.kept.clear()
  }

  #arrive(from: Wire, text: string, user: string | null): void {
    const message = channelMessage.parse(JSON.parse(text))
    if (!this.filter(message)) return
    for (const end of this.ends) if (end !== from && end.isConnected && end.hears(user)) end.receive(message)
  }
}

/** The channel of one instance, and its way to the directory. */
export class Wire implements Channel {
  isConnected = true
  /** Of the instance that has it. */
  name = ''
  readonly #wires: Wires
  readonly #listeners = new Set<ChannelListener>()
  /** Users who are listened to, each with those who want to know when that began. */
  readonly #heard = new Multimap<Address, () => void>()

  constructor(wires: Wires) {
    this.#wires = wires
    wires.ends.add(this)
  }

  send(message: ChannelMessage): void {
    if (this.isConnected) this.#wires.deliver(this, JSON.stringify(message), null)
  }

  sendTo(users: Iterable<Address>, message: ChannelMessage): void {
    if (!this.isConnected) return
    for (const user of users) this.#wires.deliver(this, JSON.stringify(message), user)
  }

  listen(user: Address, onHeard: () => void = () => undefined): () => void {
    this.#heard.add(user, onHeard)
    setTimeout(onHeard, 1)
    return () => this.#heard.remove(user, onHeard)
  }

  sendToInstance(instance: string, message: ChannelMessage): void {
    if (this.isConnected) this.#wires.deliver(this, JSON.stringify(message), instance)
  }

  hears(user: string | null): boolean {
    return user === null || user === this.name || this.#heard.get(user as Address).size > 0
  }

  /** Those of the instance that has this channel. */
  optionsOf(name: string, options: { readonly graceMs?: number }): InstanceOptions {
    this.name = name
    return { ...options, directory: this.#directory, friends: this.#wires.friends }
  }

  get #directory(): Directory {
    const { places, kept } = this.#wires
    const reach = async (): Promise<void> => {
      await new Promise(resolve => setTimeout(resolve, 1))
      if (!this.isConnected) throw new Error('Redis is away')
    }
    return {
      enter: async users => {
        await reach()
        for (const user of users) places.set(user, new Set(places.get(user)).add(this.name))
      },
      leave: async users => {
        await reach()
        for (const user of users) places.get(user)?.delete(this.name)
      },
      find: async users => {
        await reach()
        const elsewhere = (user: Address) => [...(places.get(user) ?? [])].filter(place => place !== this.name)
        return new Map(users.map(user => [user, elsewhere(user)] as const).filter(([, found]) => found.length > 0))
      },
      keep: async () => {
        await reach()
        const isKept = kept.has(this.name)
        kept.add(this.name)
        return isKept
      },
      close: () => undefined
    }
  }

  subscribe(listener: ChannelListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  receive(message: ChannelMessage | MessagesLost): void {
    for (const listener of this.#listeners) listener(message)
  }

  cut(): void {
    this.isConnected = false
  }

  restore(): void {
    if (this.isConnected) return
    this.isConnected = true
    this.receive({ kind: 'messages-lost' })
  }

  async close(): Promise<void> {
    this.cut()
    this.#wires.ends.delete(this)
  }
}

interface InstanceOptions {
  readonly directory: Directory
  readonly friends: Friends
  readonly graceMs?: number
  readonly beatMs?: number
}

/** One instance, as far as presence goes. Everybody is a friend of somebody who watches there. */
export class Instance<End extends Channel = Wire> {
  readonly channel: End
  readonly presence: ClusterPresence
  /** Who came and went, as listeners were called. */
  readonly changes: string[] = []
  /** Messages that this instance wanted to send. */
  sent = 0
  readonly #local: LocalPresence
  readonly #friends: Friends
  readonly #connections = new Map<Address, { readonly leave: () => void; readonly at: number }>()

  constructor(name: string, channel: End, options: InstanceOptions) {
    const { directory, friends, graceMs = GRACE_MS, beatMs = BEAT_MS } = options
    this.channel = channel
    this.#friends = friends
    this.#local = new LocalPresence(graceMs)
    const onMessage = (direction: string): void => {
      if (direction === 'sent') this.sent += 1
    }
    this.presence = new ClusterPresence({
      instance: name,
      local: this.#local,
      countLocal: () => this.#local.size,
      channel,
      directory,
      friendIndex: friends.indexOf(userOf(1_000_000 + friends.watchers.size)),
      graceMs,
      beatMs,
      onMessage
    })
    this.presence.onChange((user, online) => this.changes.push(`${Number(user)} ${online ? 'online' : 'offline'}`))
  }

  connect(...users: Address[]): void {
    for (const user of users) {
      if (this.#connections.has(user)) continue
      this.#friends.users.add(user)
      this.#connections.set(user, { leave: this.#local.connect(user), at: performance.now() })
    }
  }

  disconnect(...users: Address[]): void {
    for (const user of users) {
      this.#connections.get(user)?.leave()
      this.#connections.delete(user)
    }
  }

  /** Who has a connection here. */
  get connected(): Address[] {
    return [...this.#connections.keys()]
  }

  /** How long a user has been connected here, in milliseconds; 0 when they are not. */
  connectedFor(user: Address): number {
    return performance.now() - (this.#connections.get(user)?.at ?? performance.now())
  }

  sees(users: readonly Address[]): Address[] {
    return users.filter(user => this.presence.isOnline(user))
  }

  /** How many are online, of all who ever were. */
  get seen(): number {
    return this.sees([...this.#friends.users]).length
  }

  /** Ends in good order. */
  async stop(): Promise<void> {
    this.disconnect(...this.connected)
    const closed = this.presence.close()
    this.#local.close()
    if (!vi.isFakeTimers()) await closed
    await this.channel.close()
  }

  /** Ends without leaving. */
  async crash(): Promise<void> {
    await this.channel.close()
    this.#connections.clear()
    void this.presence.close()
    this.#local.close()
  }
}

/** One more instance. */
export function join(
  name: string,
  wires: Wires,
  options: { readonly graceMs?: number; readonly isCut?: boolean } = {}
) {
  const wire = new Wire(wires)
  if (options.isCut) wire.cut()
  return new Instance(name, wire, wire.optionsOf(name, options))
}

/** Instances that are connected with each other. */
export function start(...names: string[]) {
  const wires = new Wires()
  const instances = names.map(name => join(name, wires))
  return { wires, instances: instances as [Instance, Instance, Instance] }
}

/** Lets fake time pass, in milliseconds. */
export const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
