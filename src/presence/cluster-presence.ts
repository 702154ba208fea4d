import type { Channel, ChannelMessage } from '../cluster/channel.ts'
import type { PresenceChange, PresenceSnapshot } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import type { MessagesLost } from '../domain/events.ts'
import { DepartureGrace } from './departure-grace.ts'
import type { LocalPresence, OnlineUsers, PresenceListener } from './local-presence.ts'
import { type PeerChanges, PeerState } from './peer-state.ts'
import { PresenceAnnouncer } from './presence-announcer.ts'

interface ClusterPresenceOptions {
  /** The name of this instance, which no other one has or had. */
  readonly instance: string
  /** Who is online here. */
  readonly local: LocalPresence
  readonly channel: Channel
  /** How long users of an instance that leaves still count as online, in milliseconds. */
  readonly graceMs: number
  /** How often an instance says that it is alive, in milliseconds; one that was silent three times is gone. */
  readonly beatMs: number
  /** Called for every message about presence. */
  readonly onMessage: (direction: 'sent' | 'received') => void
}

/** How often an instance may be silent when it is due. */
const MAX_SILENT_BEATS = 3
/** After messages were lost, so many beats later it is known again who is where. */
const BEATS_TO_CONVERGE = 2
/** More instances than anybody runs. */
const MAX_INSTANCES = 100

/**
 * Who is online on any instance. Each announces who comes and goes, in numbered changes, and who misses one asks for a
 * snapshot. Nobody is taken for offline only because instances could not reach each other.
 */
export class ClusterPresence implements OnlineUsers {
  readonly #options: ClusterPresenceOptions
  readonly #announcer: PresenceAnnouncer
  readonly #peers = new Map<string, PeerState>()
  /** How many reasons there are to take a user for online elsewhere: instances, and graces that are not over. */
  readonly #refs = new Map<Address, number>()
  readonly #departures: DepartureGrace
  /** Everybody who is online, as listeners know it. */
  readonly #online = new Set<Address>()
  readonly #listeners = new Set<PresenceListener>()
  readonly #unsubscribes: (() => void)[]
  readonly #beatTimer: NodeJS.Timeout
  #convergedAt = 0

  constructor(options: ClusterPresenceOptions) {
    this.#options = options
    const { instance, local, channel, beatMs, onMessage } = options
    this.#departures = new DepartureGrace({
      release: users => this.#releaseRefs(users),
      isConverged: () => this.#isConverged
    })
    this.#announcer = new PresenceAnnouncer({ instance, local, channel, onSent: () => onMessage('sent') })
    this.#unsubscribes = [
      local.onChange((user, online) => this.#localChanged(user, online)),
      channel.subscribe(message => this.#receive(message))
    ]
    this.#beatTimer = setInterval(() => this.#beat(), beatMs)
  }

  /** Instances that are known, with this one. */
  get instances(): number {
    return this.#peers.size + 1
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

  /** Leaves the other instances. */
  close(): void {
    clearInterval(this.#beatTimer)
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    this.#announcer.close()
    this.#departures.close()
    this.#listeners.clear()
  }

  /** Whether it is known who is where: messages flow, and did so for long enough to know of everybody. */
  get #isConverged(): boolean {
    return this.#options.channel.isConnected && performance.now() >= this.#convergedAt
  }

  get #convergenceMs(): number {
    return Math.max(this.#options.graceMs, BEATS_TO_CONVERGE * this.#options.beatMs)
  }

  #localChanged(user: Address, online: boolean): void {
    if (!online && !this.#isConverged) {
      this.#addRefs([user])
      this.#departures.add([user], 0)
    }
    this.#refresh(user)
  }

  #receive(message: ChannelMessage | MessagesLost): void {
    if (message.kind.startsWith('presence-')) this.#options.onMessage('received')
    switch (message.kind) {
      case 'messages-lost':
        this.#recover()
        break
      case 'presence-change':
      case 'presence-snapshot':
        this.#apply(message)
        break
      case 'presence-beat':
        this.#withPeer(message.instance, peer => this.#checkVersion(peer, message))
        break
      case 'presence-leave':
        this.#removePeer(message.instance, this.#options.graceMs)
        break
      case 'presence-snapshot-request':
        if (message.of === null || message.of === this.#options.instance) this.#announcer.scheduleSnapshot()
    }
  }

  #apply(message: PresenceChange | PresenceSnapshot): void {
    this.#withPeer(message.instance, peer => {
      const isSnapshot = message.kind === 'presence-snapshot'
      const { came, left }: PeerChanges = isSnapshot ? peer.applySnapshot(message) : peer.applyChange(message)
      this.#addRefs(came)
      // Who is missing in a snapshot left some time ago, and may be on an instance that has not announced it yet.
      if (isSnapshot) this.#departures.add(left, this.#convergenceMs)
      else if (this.#isConverged) this.#releaseRefs(left)
      else this.#departures.add(left, 0)
      if (!isSnapshot) this.#checkVersion(peer, message)
    })
  }

  #withPeer(instance: string, use: (peer: PeerState) => void): void {
    const peer = this.#peers.get(instance) ?? new PeerState()
    if (!this.#peers.has(instance) && this.#peers.size >= MAX_INSTANCES) return
    this.#peers.set(instance, peer)
    peer.silentBeats = 0
    use(peer)
  }

  #checkVersion(peer: PeerState, { instance, version }: { instance: string; version: number }): void {
    if (peer.knows(version) || peer.isSnapshotRequested) return
    peer.isSnapshotRequested = true
    this.#requestSnapshot(instance)
  }

  #requestSnapshot(of: string | null): void {
    this.#options.channel.send({ kind: 'presence-snapshot-request', of })
    this.#options.onMessage('sent')
  }

  #removePeer(instance: string, afterMs: number): void {
    const peer = this.#peers.get(instance)
    this.#peers.delete(instance)
    if (peer) this.#departures.add(peer.users, afterMs)
  }

  /** Counted in beats of this instance and not by a clock: while it stood still itself, nobody was silent. */
  #beat(): void {
    this.#announcer.beat()
    for (const [instance, peer] of this.#peers) {
      peer.isSnapshotRequested = false
      if (this.#options.channel.isConnected) peer.silentBeats += 1
      if (peer.silentBeats > MAX_SILENT_BEATS) this.#removePeer(instance, 0)
    }
  }

  /** Every peer has all the time again; what was missed is asked for. */
  #recover(): void {
    this.#convergedAt = performance.now() + this.#convergenceMs
    for (const peer of this.#peers.values()) peer.silentBeats = 0
    this.#requestSnapshot(null)
    this.#announcer.beat()
  }

  #addRefs(users: readonly Address[]): void {
    for (const user of users) {
      this.#refs.set(user, (this.#refs.get(user) ?? 0) + 1)
      this.#refresh(user)
    }
  }

  #releaseRefs(users: readonly Address[]): void {
    for (const user of users) {
      const count = (this.#refs.get(user) ?? 1) - 1
      if (count > 0) this.#refs.set(user, count)
      else this.#refs.delete(user)
      this.#refresh(user)
    }
  }

  #refresh(user: Address): void {
    const online = this.#options.local.isOnline(user) || this.#refs.has(user)
    if (online === this.#online.has(user)) return
    if (online) this.#online.add(user)
    else this.#online.delete(user)
    for (const listener of this.#listeners) listener(user, online)
  }
}
