import type { Channel, ChannelMessage } from '../cluster/channel.ts'
import type { PresenceChange, PresenceSnapshot } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import type { MessagesLost } from '../domain/events.ts'
import { DepartureGrace } from './departure-grace.ts'
import type { LocalPresence, OnlineUsers, PresenceListener } from './local-presence.ts'
import { type Moves, PeerState } from './peer-state.ts'
import { PresenceAnnouncer } from './presence-announcer.ts'

interface ClusterPresenceOptions {
  /** The name of this instance, which no other one has or had. */
  readonly instance: string
  /** Who is online here. */
  readonly local: LocalPresence
  readonly channel: Channel
  /** How long users of an instance that says goodbye still count as online, in milliseconds. */
  readonly graceMs: number
  /** How often an instance says that it is alive, in milliseconds; one that was silent three times is gone. */
  readonly beatMs: number
  /** Told of every message about presence. */
  readonly onMessage: (direction: 'sent' | 'received') => void
}

/** How often an instance may be silent when it is due. */
const MAX_SILENT_BEATS = 3
/** After messages were lost, so many beats later it is known again who is where. */
const BEATS_TO_SETTLE = 2
/** More instances than anybody runs. */
const MAX_INSTANCES = 100

/**
 * Who is online on any instance. Each tells the others who comes and goes, and counts what it tells, so that whoever
 * missed something asks for everything. Nobody is taken for offline only because instances could not hear each other.
 */
export class ClusterPresence implements OnlineUsers {
  readonly #options: ClusterPresenceOptions
  readonly #announcer: PresenceAnnouncer
  readonly #remotes = new Map<string, PeerState>()
  /** How many reasons there are to take a user for online elsewhere: instances, and farewells that are not over. */
  readonly #elsewhere = new Map<Address, number>()
  readonly #farewells: DepartureGrace
  /** Everybody of whom listeners were told that they are online. */
  readonly #online = new Set<Address>()
  readonly #listeners = new Set<PresenceListener>()
  readonly #stops: (() => void)[]
  readonly #pulse: NodeJS.Timeout
  #settledAt = 0

  constructor(options: ClusterPresenceOptions) {
    this.#options = options
    const { instance, local, channel, beatMs, onMessage } = options
    this.#farewells = new DepartureGrace({ release: users => this.#release(users), isConverged: () => this.#isSure })
    this.#announcer = new PresenceAnnouncer({ instance, local, channel, onSent: () => onMessage('sent') })
    this.#stops = [
      local.onChange((user, online) => this.#localChanged(user, online)),
      channel.subscribe(message => this.#hear(message))
    ]
    this.#pulse = setInterval(() => this.#beat(), beatMs)
  }

  /** Instances that are known, with this one. */
  get instances(): number {
    return this.#remotes.size + 1
  }

  /** Users who are online, wherever they are. */
  get size(): number {
    return this.#online.size
  }

  isOnline(address: Address): boolean {
    return this.#online.has(address)
  }

  onChange(listener: PresenceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Says goodbye to the other instances. */
  close(): void {
    clearInterval(this.#pulse)
    for (const stop of this.#stops) stop()
    this.#announcer.close()
    this.#farewells.close()
    this.#listeners.clear()
  }

  /** Whether it is known who is where: messages flow, and did so for long enough to hear of everybody. */
  get #isSure(): boolean {
    return this.#options.channel.isConnected && performance.now() >= this.#settledAt
  }

  get #settleMs(): number {
    return Math.max(this.#options.graceMs, BEATS_TO_SETTLE * this.#options.beatMs)
  }

  #localChanged(user: Address, online: boolean): void {
    if (!online && !this.#isSure) {
      this.#hold([user])
      this.#farewells.add([user], 0)
    }
    this.#refresh(user)
  }

  #hear(message: ChannelMessage | MessagesLost): void {
    if (message.kind.startsWith('presence-')) this.#options.onMessage('received')
    switch (message.kind) {
      case 'messages-lost':
        this.#recover()
        break
      case 'presence-change':
      case 'presence-whole':
        this.#learn(message)
        break
      case 'presence-beat':
        this.#ofInstance(message.instance, remote => this.#checkVersion(remote, message))
        break
      case 'presence-bye':
        this.#forget(message.instance, this.#options.graceMs)
        break
      case 'presence-wanted':
        if (message.of === null || message.of === this.#options.instance) this.#announcer.tellAll()
    }
  }

  #learn(message: PresenceChange | PresenceSnapshot): void {
    this.#ofInstance(message.instance, remote => {
      const isWhole = message.kind === 'presence-whole'
      const { came, left }: Moves = isWhole ? remote.applySnapshot(message) : remote.applyChange(message)
      this.#hold(came)
      // Who is missing in a whole left some time ago, and may be on an instance that has not told yet.
      if (isWhole) this.#farewells.add(left, this.#settleMs)
      else if (this.#isSure) this.#release(left)
      else this.#farewells.add(left, 0)
      if (!isWhole) this.#checkVersion(remote, message)
    })
  }

  #ofInstance(instance: string, act: (remote: PeerState) => void): void {
    const remote = this.#remotes.get(instance) ?? new PeerState()
    if (!this.#remotes.has(instance) && this.#remotes.size >= MAX_INSTANCES) return
    this.#remotes.set(instance, remote)
    remote.silentBeats = 0
    act(remote)
  }

  #checkVersion(remote: PeerState, { instance, version }: { instance: string; version: number }): void {
    if (remote.knows(version) || remote.isAsked) return
    remote.isAsked = true
    this.#ask(instance)
  }

  #ask(of: string | null): void {
    this.#options.channel.send({ kind: 'presence-wanted', of })
    this.#options.onMessage('sent')
  }

  #forget(instance: string, afterMs: number): void {
    const remote = this.#remotes.get(instance)
    this.#remotes.delete(instance)
    if (remote) this.#farewells.add(remote.users, afterMs)
  }

  /** Counted in beats of this instance and not by a clock: while it stood still itself, nobody fell silent. */
  #beat(): void {
    this.#announcer.beat()
    for (const [instance, remote] of this.#remotes) {
      remote.isAsked = false
      if (this.#options.channel.isConnected) remote.silentBeats += 1
      if (remote.silentBeats > MAX_SILENT_BEATS) this.#forget(instance, 0)
    }
  }

  /** Who was heard before has all the time again; what was missed is asked for. */
  #recover(): void {
    this.#settledAt = performance.now() + this.#settleMs
    for (const remote of this.#remotes.values()) remote.silentBeats = 0
    this.#ask(null)
    this.#announcer.beat()
  }

  #hold(users: readonly Address[]): void {
    for (const user of users) {
      this.#elsewhere.set(user, (this.#elsewhere.get(user) ?? 0) + 1)
      this.#refresh(user)
    }
  }

  #release(users: readonly Address[]): void {
    for (const user of users) {
      const left = (this.#elsewhere.get(user) ?? 1) - 1
      if (left > 0) this.#elsewhere.set(user, left)
      else this.#elsewhere.delete(user)
      this.#refresh(user)
    }
  }

  #refresh(user: Address): void {
    const online = this.#options.local.isOnline(user) || this.#elsewhere.has(user)
    if (online === this.#online.has(user)) return
    if (online) this.#online.add(user)
    else this.#online.delete(user)
    for (const listener of this.#listeners) listener(user, online)
  }
}
