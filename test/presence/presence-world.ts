import { vi } from 'vitest'
import type { Channel, ChannelListener, ChannelMessage } from '../../src/cluster/channel.ts'
import { channelMessage } from '../../src/cluster/messages.ts'
import type { Address } from '../../src/domain/address.ts'
import type { MessagesLost } from '../../src/domain/events.ts'
import { Multimap } from '../../src/lib/multimap.ts'
import { ClusterPresence } from '../../src/presence/cluster-presence.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'

export const GRACE_MS = 5000
export const BEAT_MS = 5000

export function userOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}

/** Carries messages between the instances of a test, as text, in order, and a little later. */
export class Wires {
  readonly ends = new Set<Wire>()
  /** Given every message that is about to be delivered; false loses it. */
  filter: (message: ChannelMessage) => boolean = () => true

  /** @param user to whom an end must listen; null for all ends */
  deliver(from: Wire, text: string, user: Address | null): void {
    setTimeout(() => {
      const message = channelMessage.parse(JSON.parse(text))
      if (!this.filter(message)) return
      for (const end of this.ends) if (end !== from && end.isConnected && end.hears(user)) end.receive(message)
    }, 1)
  }
}

/** The channel of one instance. */
export class Wire implements Channel {
  isConnected = true
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

  hears(user: Address | null): boolean {
    return user === null || this.#heard.get(user).size > 0
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

/** One instance, as far as presence goes. */
export class Instance<End extends Channel = Wire> {
  readonly channel: End
  readonly presence: ClusterPresence
  /** Who came and went, as listeners were called. */
  readonly changes: string[] = []
  /** Messages that this instance wanted to send. */
  sent = 0
  readonly #local: LocalPresence
  readonly #connections = new Map<Address, { readonly leave: () => void; readonly at: number }>()

  constructor(name: string, channel: End, { graceMs = GRACE_MS, beatMs = BEAT_MS } = {}) {
    this.channel = channel
    this.#local = new LocalPresence(graceMs)
    const onMessage = (direction: string): void => {
      if (direction === 'sent') this.sent += 1
    }
    this.presence = new ClusterPresence({ instance: name, local: this.#local, channel, graceMs, beatMs, onMessage })
    this.presence.onChange((user, online) => this.changes.push(`${Number(user)} ${online ? 'online' : 'offline'}`))
  }

  connect(...users: Address[]): void {
    for (const user of users) {
      if (this.#connections.has(user)) continue
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

  /** Ends in good order. */
  async stop(): Promise<void> {
    this.disconnect(...this.connected)
    this.presence.close()
    this.#local.close()
    await this.channel.close()
  }

  /** Ends without leaving. */
  async crash(): Promise<void> {
    await this.channel.close()
    this.#connections.clear()
    this.presence.close()
    this.#local.close()
  }
}

/** Instances that are connected with each other. */
export function start(...names: string[]) {
  const wires = new Wires()
  const instances = names.map(name => new Instance(name, new Wire(wires)))
  return { wires, instances: instances as [Instance, Instance, Instance] }
}

/** Lets fake time pass, in milliseconds. */
export const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
