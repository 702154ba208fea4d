import type { UserLimits } from '../admission/user-limits.ts'
import type { Address } from '../domain/address.ts'
import type { SessionsEnded } from '../domain/events.ts'
import type { Permit } from '../lib/concurrency-limit.ts'
import { settledWithin } from '../lib/deadline.ts'
import type { Multimap } from '../lib/multimap.ts'
import type { LocalPresence } from '../presence/local-presence.ts'
import { CLOSE } from './engine/close-codes.ts'
import type { Client } from './engine/service.ts'

/** A client is one user; a few more for one who logs in anew. Who comes after these is served, but not shown online. */
const MAX_USERS = 8
/** Longest time for which a new socket waits for those that may be gone, in milliseconds. */
const ASK_MS = 1_000

/** The same for all sockets. */
interface SocketUsersDeps {
  readonly presence: LocalPresence
  readonly limits: UserLimits
  /** The longest time from one heartbeat to the next, in milliseconds. */
  readonly heartbeatMs: number
  /** All sockets, by the users whom they keep online: so that the end of a session finds them. */
  readonly sockets: Multimap<Address, SocketUsers>
}

interface SocketUser {
  readonly address: Address
  /** The hex hash of the access token that they showed last; null for who is known by the socket alone. */
  tokenHash: string | null
  /** Takes the socket back from their limit. */
  readonly place: Permit
  /** Takes back that they are online by this socket; may be called again. */
  goOffline: () => void
  /** Until when they must have sent their next heartbeat, if they ever sent one. */
  heartbeatTimer: NodeJS.Timeout | null
  /** The next heartbeat did not come in time. */
  isSilent: boolean
}

/**
 * The users whom one socket keeps online: those who have shown on it who they are, until it is gone or their session
 * ends. A user who sends heartbeats on it has to go on with that (ADR-246), or does not count as online any more until
 * the next one.
 */
export class SocketUsers {
  readonly #client: Pick<Client, 'ask' | 'close'>
  readonly #expiresAt: number | null
  readonly #deps: SocketUsersDeps
  /** Few, and mostly one. Neither a map nor pushed to: both would make room for many more. */
  #users: readonly SocketUser[] = []
  #isClosed = false
  /** The client was asked whether it is there, because there was no room for another, and does not answer. */
  #isSilent = false

  /**
   * @param expiresAt when the key may not speak for the user any more that opened the socket, in unix milliseconds; null of
   * v1, or when never
   */
  constructor(client: Pick<Client, 'ask' | 'close'>, expiresAt: number | null, deps: SocketUsersDeps) {
    this.#client = client
    this.#expiresAt = expiresAt
    this.#deps = deps
  }

  /** Whether it is nobody's socket: nobody has shown who they are, or their sessions have ended. */
  get isEmpty(): boolean {
    return this.#users.length === 0
  }

  has(address: Address): boolean {
    return this.#find(address) !== undefined
  }

  /**
   * To be awaited before a user is added: when they have too many sockets already, their clients are asked whether they
   * are there, as those of a lost network are not, and hold a place until their next ping. Who answers keeps its place;
   * who does not holds none against a newcomer, and is closed when even with those there are too many.
   */
  async makeRoom(address: Address): Promise<void> {
    const { limits, sockets } = this.#deps
    if (limits.hasRoom(address, this.#silentOf(address))) return
    await Promise.all(Array.from(sockets.get(address), socket => socket.#ask()))
    for (const socket of [...sockets.get(address)]) {
      if (limits.hasRoom(address, this.#silentOf(address))) return
      if (socket.#isSilent) socket.#client.close(CLOSE.madeRoom)
    }
  }

  /**
   * A user has shown on the socket who they are; again and again, as the case may be.
   * @param tokenHash null for a user who is known by the socket alone
   * @throws SocialError `too_many_requests` when the user has too many sockets already
   */
  add(address: Address, tokenHash: Buffer | null): void {
    // A token may turn out to be valid when its socket is gone already.
    if (this.#isClosed) return
    const token = tokenHash?.toString('hex') ?? null
    const user = this.#find(address)
    if (user) {
      user.tokenHash = token
    } else if (this.#users.length < MAX_USERS) {
      const { presence, limits, sockets } = this.#deps
      const place = limits.connect(address, this.#silentOf(address))
      const goOffline = presence.connect(address)
      const newcomer = { address, tokenHash: token, place, goOffline, heartbeatTimer: null, isSilent: false }
      this.#users = this.#users.concat(newcomer)
      sockets.add(address, this)
    }
  }

  /** A user of this socket sent a heartbeat. */
  heartbeat(address: Address): void {
    const user = this.#find(address)
    if (!user) return
    if (user.isSilent) user.goOffline = this.#deps.presence.connect(address)
    user.isSilent = false
    user.heartbeatTimer ??= setTimeout(() => {
      user.isSilent = true
      user.goOffline()
    }, this.#deps.heartbeatMs)
    user.heartbeatTimer.refresh()
  }

  /** The sessions by which users are here, with the hex hashes of their access tokens. */
  sessions(): { address: Address; tokenHash: string }[] {
    return this.#users.flatMap(({ address, tokenHash }) => (tokenHash === null ? [] : [{ address, tokenHash }]))
  }

  /** Removes the user if the session is over by which they are here; who is known by the socket alone ends with it. */
  sessionsEnded({ address, tokenHashes }: SessionsEnded): void {
    const user = this.#find(address)
    if (!user) return
    if (user.tokenHash === null && tokenHashes.length === 0) this.#client.close(CLOSE.sessionEnded)
    else if (user.tokenHash !== null && tokenHashes.includes(user.tokenHash)) this.#remove(user)
  }

  /** Closes the socket when the key that opened it has no authority any more at `now`, in unix milliseconds. */
  endExpired(now: number): void {
    if (this.#expiresAt !== null && this.#expiresAt <= now) this.#client.close(CLOSE.sessionEnded)
  }

  dispose(): void {
    this.#isClosed = true
    for (const user of this.#users) this.#remove(user)
  }

  #find(address: Address): SocketUser | undefined {
    return this.#users.find(user => user.address === address)
  }

  #silentOf(address: Address): number {
    let silent = 0
    for (const socket of this.#deps.sockets.get(address)) if (socket.#isSilent) silent++
    return silent
  }

  async #ask(): Promise<void> {
    const isThere = this.#client.ask()
    if (!(await settledWithin(ASK_MS, isThere))) this.#isSilent = true
    void isThere.then(() => {
      this.#isSilent = false
    })
  }

  #remove(user: SocketUser): void {
    this.#users = this.#users.filter(each => each !== user)
    this.#deps.sockets.remove(user.address, this)
    if (user.heartbeatTimer) clearTimeout(user.heartbeatTimer)
    user.place.release()
    user.goOffline()
  }
}
