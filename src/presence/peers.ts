import type { ChannelMessage } from '../cluster/channel.ts'
import type {
  PresenceBeat,
  PresenceChange,
  PresenceSnapshot,
  PresenceSnapshotRequest,
  Watch
} from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import type { Closeness } from './friend-index.ts'
import { createPeer, type GivenUp, type Peer, type PeersOptions, watchesAt } from './peer.ts'
import { type Watches, watchOf } from './peer-link.ts'

/** How often an instance may be silent when it is due. */
const MAX_SILENT_BEATS = 3
/** More instances than anybody runs. */
const MAX_INSTANCES = 1000
/** Instances that were given up and are remembered, should they come back. */
const MAX_GIVEN_UP = 10
/** What is to be said within this time goes into one message, in milliseconds. */
const BATCH_MS = 20
/** Its last beat may have come from before it was found out that others could not find its users. */
const UNCERTAIN_BEATS = 2

/**
 * The other instances, as far as they have users whom this one watches, or watch users of this one. Any message may be
 * lost, come late or come twice.
 */
export class Peers {
  readonly #options: PeersOptions
  readonly #peers = new Map<string, Peer>()
  readonly #givenUp = new Map<string, GivenUp>()
  #version = 0
  #flushTimer: NodeJS.Timeout | undefined

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** Instances that are alive, but for this one. */
  get size(): number {
    return this.#heard().length
  }

  /** Users who are online there; one who is on two instances counts twice. */
  get users(): number {
    return this.#heard().reduce((sum, { beat }) => sum + (beat?.users ?? 0), 0)
  }

  /** A user who came online here may have friends on an instance. */
  announce(user: Address, instance: string): void {
    this.#of(instance)?.link.announce(user)
    this.#scheduleFlush()
  }

  /** A user is online here no more. */
  leave(user: Address): void {
    for (const { link } of this.#peers.values()) link.leave(user)
    this.#scheduleFlush()
  }

  /** A user who is watched here may be on an instance. */
  watch(user: Address, closeness: Closeness, instance: string): void {
    this.#of(instance)?.link.watch(user, closeness)
    this.#scheduleFlush()
  }

  /** A user is watched here no more. @returns on how many instances they were online */
  unwatch(user: Address): number {
    let count = 0
    for (const { state, link } of this.#peers.values()) {
      if (!state.forget(user)) continue
      link.unwatch(user)
      count += 1
    }
    this.#scheduleFlush()
    return count
  }

  /** Instances that want to know where a user is. */
  locatorsOf(user: Address): string[] {
    return [...this.#peers.values()].flatMap(({ name, link }) => (link.locates(user) ? name : []))
  }

  /** Says what is pending, and resolves when every instance that is alive has heard it. */
  async said(): Promise<void> {
    this.#flush()
    const answers = this.#heard().map(async peer => {
      const { version } = peer.link
      while (peer.link.isUnheard(version)) await new Promise<void>(resolve => peer.waiting.add(resolve))
    })
    await Promise.all(answers)
  }

  receive(message: ChannelMessage): void {
    if (message.kind.startsWith('presence-')) this.#options.onMessage('received')
    switch (message.kind) {
      case 'presence-beat':
        this.#hear(message.instance, peer => this.#applyBeat(peer, message))
        break
      case 'presence-leave':
        this.#remove(message.instance, true)
        break
      case 'presence-change':
        this.#hear(message.instance, peer => this.#applyChange(peer, message))
        break
      case 'presence-version':
        this.#hear(message.instance, peer => {
          this.#applyHeard(peer, message.heard)
          if (!peer.state.knows(message.version)) this.#request(peer)
        })
        break
      case 'presence-snapshot-request':
        this.#hear(message.instance, peer => this.#answer(peer, message))
        break
      case 'presence-snapshot':
        this.#hear(message.instance, peer => this.#applySnapshot(peer, message))
    }
  }

  /** Says that this instance is alive. */
  sendBeat(): void {
    const { channel, instance, self } = this.#options
    channel.send({ kind: 'presence-beat', instance, ...self() })
    this.#options.onMessage('sent')
  }

  /** Counted in beats of this instance and not by a clock: while it stood still itself, nobody was silent. */
  beat(): void {
    this.sendBeat()
    const { channel, instance } = this.#options
    for (const peer of this.#peers.values()) {
      peer.isSnapshotRequested = false
      if (channel.isConnected) peer.silentBeats += 1
      const { link, state } = peer
      if (peer.silentBeats > MAX_SILENT_BEATS) this.#remove(peer.name, false)
      else if (link.version > 0)
        this.#send(peer, [{ kind: 'presence-version', instance, version: link.version, heard: state.version }])
    }
  }

  /** Messages were lost: every instance has all the time again, and is asked for what was missed. */
  recover(): void {
    for (const peer of this.#peers.values()) {
      peer.silentBeats = 0
      if (peer.link.version > 0 || peer.state.version > 0) this.#request(peer)
    }
  }

  /** Says what is pending, and leaves. */
  close(): void {
    this.#flush()
    this.#options.channel.send({ kind: 'presence-leave', instance: this.#options.instance })
    this.#options.onMessage('sent')
  }

  #applyBeat(peer: Peer, { users, entered }: PresenceBeat): void {
    const now = performance.now()
    const { beat, before } = peer
    if (before) this.#request(peer)
    if (entered === null) {
      peer.beat = { entered: null, at: now, ...beat, users }
      return
    }
    peer.beat = { users, entered, at: now }
    if (beat?.entered === entered) return
    const last = beat?.entered == null ? before : beat
    if (last) this.#options.onReturn(last.at - UNCERTAIN_BEATS * this.#options.beatMs)
    else if (entered > 0) this.#options.onReturn(Number.NEGATIVE_INFINITY)
  }

  #applyChange(peer: Peer, message: PresenceChange): void {
    this.#applyHeard(peer, message.heard)
    const changes = peer.state.applyChange(message)
    if (!changes) {
      if (!peer.state.knows(message.version)) this.#request(peer)
      return
    }
    peer.link.unwatched(message.unwatch)
    this.#applyWatch(peer, message)
    if (message.watch.length + message.locate.length > 0) peer.link.answer()
    this.#options.onLeft(changes.left, false)
    this.#take(peer, changes.came)
    for (const user of message.came) {
      const closeness = this.#options.closenessOf(user)
      if (closeness) peer.link.watch(user, closeness)
    }
    this.#scheduleFlush()
  }

  #applySnapshot(peer: Peer, message: PresenceSnapshot): void {
    this.#applyWatch(peer, message)
    const changes = peer.state.applySnapshot(message)
    if (!changes) return
    peer.isSnapshotRequested = false
    peer.before = null
    this.#take(peer, changes.came)
    this.#options.onLeft(changes.left, true)
    this.#scheduleFlush()
  }

  /** Takes those who came, as far as they are watched. */
  #take(peer: Peer, users: readonly Address[]): void {
    const watched: Address[] = []
    for (const user of users) {
      if (this.#options.closenessOf(user)) {
        watched.push(user)
      } else {
        peer.state.forget(user)
        peer.link.unwatch(user)
      }
    }
    this.#options.onCame(watched)
  }

  #answer(peer: Peer, { watch, locate, ...part }: PresenceSnapshotRequest): void {
    const asked = [...watch.map(user => [user, 'watch'] as const), ...locate.map(user => [user, 'locate'] as const)]
    const all = peer.requests.add(part, asked)
    if (!all) return
    this.#applyWatch(peer, watchOf(all))
    this.#send(peer, peer.link.snapshot(this.#watchesAt(peer)))
  }

  #applyWatch(peer: Peer, watch: Watch): void {
    const located = peer.link.watched(watch, this.#options.isOnlineHere)
    if (located.length > 0) this.#options.onLocate(located, peer.name)
  }

  #applyHeard(peer: Peer, version: number): void {
    peer.link.heard(version)
    for (const resolve of peer.waiting) resolve()
    peer.waiting.clear()
  }

  #request(peer: Peer): void {
    if (peer.isSnapshotRequested) return
    peer.isSnapshotRequested = true
    this.#send(peer, peer.link.request(this.#watchesAt(peer)))
  }

  #watchesAt(peer: Peer): Watches {
    return watchesAt(peer, this.#options.closenessOf)
  }

  #heard(): Peer[] {
    return [...this.#peers.values()].filter(({ beat }) => beat !== null)
  }

  #hear(instance: string, use: (peer: Peer) => void): void {
    const peer = this.#of(instance)
    if (!peer) return
    peer.silentBeats = 0
    use(peer)
  }

  /** Another instance, known or new; null when there are too many. */
  #of(name: string): Peer | null {
    const known = this.#peers.get(name)
    if (known) return known
    if (this.#peers.size >= MAX_INSTANCES) return null
    const before = this.#givenUp.get(name) ?? null
    this.#givenUp.delete(name)
    const { instance } = this.#options
    const peer = createPeer(name, { instance, nextVersion: () => ++this.#version, before })
    this.#peers.set(name, peer)
    return peer
  }

  #remove(instance: string, isInOrder: boolean): void {
    const peer = this.#peers.get(instance)
    if (!peer) return
    this.#peers.delete(instance)
    this.#applyHeard(peer, Number.POSITIVE_INFINITY)
    if (!isInOrder && peer.beat) {
      this.#givenUp.set(instance, { at: peer.beat.at, watches: this.#watchesAt(peer) })
      const [oldest] = this.#givenUp.keys()
      if (oldest !== undefined && this.#givenUp.size > MAX_GIVEN_UP) this.#givenUp.delete(oldest)
    }
    this.#options.onGone([...peer.state.users], isInOrder)
  }

  #scheduleFlush(): void {
    this.#flushTimer ??= setTimeout(() => this.#flush(), BATCH_MS)
  }

  #flush(): void {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    for (const peer of this.#peers.values()) this.#send(peer, peer.link.takeMessages())
  }

  #send({ name }: Peer, messages: readonly ChannelMessage[]): void {
    for (const message of messages) {
      this.#options.channel.sendToInstance(name, message)
      this.#options.onMessage('sent')
    }
  }
}
