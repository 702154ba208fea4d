import type { Channel, ChannelMessage } from '../cluster/channel.ts'
import type { Directory } from '../cluster/directory.ts'
import type { Address } from '../domain/address.ts'
import type { MessagesLost } from '../domain/events.ts'
import { settledWithin } from '../lib/deadline.ts'
import { DepartureGrace } from './departure-grace.ts'
import type { Closeness, FriendIndex } from './friend-index.ts'
import type { LocalPresence, OnlineUsers, PresenceListener } from './local-presence.ts'
import { PeerDiscovery } from './peer-discovery.ts'
import { Peers } from './peers.ts'

interface ClusterPresenceOptions {
  /** The name of this instance, which no other one has or had. */
  readonly instance: string
  /** Who is online here. */
  readonly local: LocalPresence
  /** How many of them the other instances may count. */
  readonly countLocal: () => number
  readonly channel: Channel
  readonly directory: Directory
  /** Whose friends are watched here, and who watches whom. */
  readonly friendIndex: Pick<FriendIndex, 'closenessTo' | 'isWatching' | 'friendsOf' | 'listen'>
  /** How long users of an instance that leaves still count as online, in milliseconds. */
  readonly graceMs: number
  /** How often an instance says that it is alive, in milliseconds; one that was silent three times is gone. */
  readonly beatMs: number
  /** Called for every message about presence. */
  readonly onMessage: (direction: 'sent' | 'received') => void
}

/** After messages were lost, so many beats later it is known again who is where. */
const BEATS_TO_CONVERGE = 2
/** Who leaves an instance may be on their way to another, which finds this one meanwhile; in milliseconds. */
const MOVE_MS = 500
/** Longest wait for what other instances say of users whom nobody watches here, in milliseconds. */
const SETTLE_MS = 250

/**
 * Who is online on any instance, of the users who are online or watched here: nothing is heard or held of others. Nobody is
 * taken for offline only because instances could not reach each other.
 */
export class ClusterPresence implements OnlineUsers {
  readonly #options: ClusterPresenceOptions
  readonly #peers: Peers
  readonly #discovery: PeerDiscovery
  readonly #departures: DepartureGrace
  /** How many reasons there are to take a user for online elsewhere: instances, and graces that are not over. */
  readonly #refs = new Map<Address, number>()
  /** Users whom nobody watches any more, and those who were asked for once: until the next beat they may be wanted again. */
  readonly #unwatched = new Set<Address>()
  readonly #listeners = new Set<PresenceListener>()
  readonly #locateListeners = new Set<(user: Address, instance: string) => void>()
  readonly #unsubscribes: (() => void)[]
  readonly #beatTimer: NodeJS.Timeout
  #convergedAt = 0

  constructor(options: ClusterPresenceOptions) {
    this.#options = options
    const { instance, local, countLocal, channel, directory, friendIndex, beatMs, onMessage } = options
    this.#departures = new DepartureGrace({
      release: users => this.#releaseRefs(users),
      isConverged: () => this.#isConverged
    })
    this.#peers = new Peers({
      instance,
      channel,
      beatMs,
      onMessage,
      self: () => ({ users: countLocal(), entered: this.#discovery.entered }),
      isOnlineHere: user => local.isOnline(user),
      closenessOf: user => this.#closenessOf(user),
      onCame: users => this.#addRefs(users),
      // Who is missing left some time ago, and may be on an instance that has not announced it yet.
      onLeft: (users, isMissing) => this.#departures.add(users, isMissing ? this.#convergenceMs : MOVE_MS),
      onGone: (users, isInOrder) => this.#departures.add(users, isInOrder ? options.graceMs : 0),
      onReturn: sinceMs => this.#discovery.introduceSince(sinceMs),
      onLocate: (users, instance) => this.#notifyLocate(users, instance)
    })
    this.#discovery = new PeerDiscovery({
      directory,
      isHere: user => local.isOnline(user) || friendIndex.isWatching(user),
      friendsOf: user => friendIndex.friendsOf(user),
      onFound: (user, instances, newcomers) => this.#found(user, instances, newcomers),
      onEntered: () => this.#peers.sendBeat()
    })
    this.#unsubscribes = [
      local.onChange((user, online) => this.#localChanged(user, online)),
      channel.subscribe(message => this.#receive(message)),
      friendIndex.listen({
        userChanged: user => this.#discovery.refresh(user),
        watched: (user, friends, areAll) => this.#discovery.lookUp(user, friends, areAll),
        unwatched: friend => this.#unwatched.add(friend)
      })
    ]
    this.#beatTimer = setInterval(() => this.#beat(), beatMs)
  }

  /** Instances that are known to be alive, with this one. */
  get instances(): number {
    return this.#peers.size + 1
  }

  /** Users who are online, wherever they are, as the instances say; one who is on two counts twice. */
  get size(): number {
    return this.#options.countLocal() + this.#peers.users
  }

  /** Users elsewhere of whom this instance knows that they are online, because they are watched here. */
  get known(): number {
    return this.#refs.size
  }

  isOnline(address: Address): boolean {
    return this.#options.local.isOnline(address) || this.#refs.has(address)
  }

  onChange(listener: PresenceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Asks the other instances for those of whom nothing is known yet, for a short time. */
  async settle(users: readonly Address[]): Promise<void> {
    const { friendIndex } = this.#options
    const unknown = users.filter(user => !friendIndex.closenessTo(user) || this.#discovery.isLookingFor(user))
    if (unknown.length === 0) return
    for (const user of unknown) this.#unwatched.add(user)
    await settledWithin(SETTLE_MS, this.#ask(unknown))
  }

  /** Instances that want to know where a user of this one is. */
  locatorsOf(user: Address): string[] {
    return this.#peers.locatorsOf(user)
  }

  /** Calls the listener for each user of this instance of whom another one wants to know from now on where they are. */
  onLocate(listener: (user: Address, instance: string) => void): () => void {
    this.#locateListeners.add(listener)
    return () => this.#locateListeners.delete(listener)
  }

  /** Leaves the other instances: the users of this one are about to come back there. */
  async close(): Promise<void> {
    clearInterval(this.#beatTimer)
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    this.#peers.close()
    this.#departures.close()
    this.#listeners.clear()
    this.#locateListeners.clear()
    await settledWithin(SETTLE_MS, this.#discovery.close())
  }

  /** Whether it is known who is where: messages flow, and did so for long enough to know of everybody. */
  get #isConverged(): boolean {
    return this.#options.channel.isConnected && performance.now() >= this.#convergedAt
  }

  get #convergenceMs(): number {
    return Math.max(this.#options.graceMs, BEATS_TO_CONVERGE * this.#options.beatMs)
  }

  #closenessOf(user: Address): Closeness | null {
    return this.#options.friendIndex.closenessTo(user) ?? (this.#unwatched.has(user) ? 'watch' : null)
  }

  #localChanged(user: Address, online: boolean): void {
    if (!online && !this.#isConverged) {
      this.#refs.set(user, (this.#refs.get(user) ?? 0) + 1)
      this.#departures.add([user], 0)
    }
    this.#discovery.refresh(user)
    if (online) this.#discovery.introduce(user)
    else this.#peers.leave(user)
    if (!this.#refs.has(user)) this.#notify(user, online)
  }

  #receive(message: ChannelMessage | MessagesLost): void {
    if (message.kind === 'messages-lost') this.#recover()
    else this.#peers.receive(message)
  }

  #found(user: Address, instances: readonly string[], newcomers: readonly Address[]): void {
    const closeness = this.#closenessOf(user)
    const here = newcomers.filter(newcomer => this.#options.local.isOnline(newcomer))
    for (const instance of instances) {
      if (closeness) this.#peers.watch(user, closeness, instance)
      for (const newcomer of here) this.#peers.announce(newcomer, instance)
    }
  }

  async #ask(users: readonly Address[]): Promise<void> {
    await this.#discovery.findNow(users)
    await this.#peers.said()
  }

  #beat(): void {
    for (const user of this.#unwatched) this.#unwatch(user)
    this.#unwatched.clear()
    this.#peers.beat()
    void this.#discovery.beat()
  }

  #unwatch(user: Address): void {
    if (this.#options.friendIndex.closenessTo(user)) return
    const count = this.#peers.unwatch(user)
    for (let ref = 0; ref < count; ref += 1) this.#releaseRefs([user])
  }

  /** Every peer has all the time again; what was missed is asked for. */
  #recover(): void {
    this.#convergedAt = performance.now() + this.#convergenceMs
    this.#peers.recover()
    this.#discovery.reenter()
    this.#peers.sendBeat()
  }

  #addRefs(users: readonly Address[]): void {
    for (const user of users) {
      const count = this.#refs.get(user) ?? 0
      const wasOnline = count > 0 || this.#options.local.isOnline(user)
      this.#refs.set(user, count + 1)
      if (!wasOnline) this.#notify(user, true)
    }
  }

  #releaseRefs(users: readonly Address[]): void {
    for (const user of users) {
      const count = (this.#refs.get(user) ?? 1) - 1
      if (count > 0) {
        this.#refs.set(user, count)
      } else if (this.#refs.delete(user) && !this.#options.local.isOnline(user)) {
        this.#notify(user, false)
      }
    }
  }

  #notify(user: Address, online: boolean): void {
    for (const listener of this.#listeners) listener(user, online)
  }

  #notifyLocate(users: readonly Address[], instance: string): void {
    for (const user of users) for (const listener of this.#locateListeners) listener(user, instance)
  }
}
