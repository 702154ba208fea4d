import type { Directory } from '../cluster/directory.ts'
import type { Address } from '../domain/address.ts'
import { RepeatedTask } from '../lib/repeated-task.ts'

interface PeerDiscoveryOptions {
  readonly directory: Directory
  /** Whether others are to find a user here: somebody who is online here, or watches friends here. */
  readonly isHere: (user: Address) => boolean
  /** @throws when they cannot be read now */
  readonly friendsOf: (user: Address) => Promise<readonly Address[]>
  /**
   * Other instances where a user may be.
   * @param newcomers friends of the user who came here
   */
  readonly onFound: (user: Address, instances: readonly string[], newcomers: readonly Address[]) => void
  /** Everybody here was entered anew. */
  readonly onEntered: () => void
}

/** What is to be done comes together for so long, in milliseconds. */
const BATCH_MS = 10
/** Before somebody is introduced: most clients subscribe at once, and then the friends are known. In milliseconds. */
const INTRODUCE_MS = 100
/** Before what failed is tried again, in milliseconds. */
const RETRY_MS = 500
/** Users who are looked up at a time. */
const LOOKUPS_AT_ONCE = 5_000
/** Users who are introduced at a time. */
const INTRODUCTIONS_AT_ONCE = 16
/** Each user is entered again after so many beats, long before the directory forgets. */
const BEATS_OF_ENTRY = 240

/**
 * Finds the instances that have users whom this one watches, and those that watch users of this one: in the directory,
 * where everybody is entered *before* others are looked up. So of two friends who come at the same moment, one finds the other.
 */
export class PeerDiscovery {
  readonly #options: PeerDiscoveryOptions
  readonly #entered = new Set<Address>()
  /** Users whose entry is to be looked at. */
  readonly #changed = new Set<Address>()
  /** Users who are to be looked up, with friends of theirs who are here. */
  readonly #lookups = new Map<Address, Address[]>()
  /** Users who came, and are to be introduced to their friends. */
  readonly #newcomers = new Set<Address>()
  /** When friends of each user who is here were looked up last; by the monotonic clock, in milliseconds. */
  readonly #active = new Map<Address, number>()
  readonly #work = new RepeatedTask(() => this.#enterAndFind())
  readonly #introductions = new RepeatedTask(() => this.#introduceSome())
  #renewal: Iterator<Address> | null = null
  #isReentering = false
  /** The directory has known of this instance, so that a loss is noticed. */
  #isMarked = false
  #enteredCount = 0

  constructor(options: PeerDiscoveryOptions) {
    this.#options = options
  }

  /** How often everybody was entered anew; null while that is to be done. */
  get entered(): number | null {
    return this.#isReentering ? null : this.#enteredCount
  }

  /** Whether a user is to be looked up. */
  isLookingFor(user: Address): boolean {
    return this.#lookups.has(user)
  }

  /** A user may have come here, or may have gone. */
  refresh(user: Address): void {
    const isHere = this.#options.isHere(user)
    if (!isHere) this.#active.delete(user)
    if (isHere === this.#entered.has(user)) return
    this.#changed.add(user)
    this.#work.schedule(BATCH_MS)
  }

  /** Announces a user to the instances of friends, soon. */
  introduce(user: Address): void {
    this.#newcomers.add(user)
    this.#introductions.schedule(INTRODUCE_MS)
  }

  /** Looks for friends whom a user watches from now on, and introduces the user to them. @param areAll whether there are others */
  lookUp(user: Address, friends: readonly Address[], areAll: boolean): void {
    if (areAll) this.#newcomers.delete(user)
    for (const friend of friends) this.#addLookup(friend, [user])
    this.#work.schedule(BATCH_MS)
  }

  /** Looks for users at once. @throws when that is not possible */
  async findNow(users: readonly Address[]): Promise<void> {
    const found = await this.#options.directory.find(users)
    for (const [user, instances] of found) this.#options.onFound(user, instances, [])
  }

  /** Introduces those once more whose friends were looked up since then, and may not have been found. */
  introduceSince(sinceMs: number): void {
    for (const [user, at] of this.#active) if (at >= sinceMs) this.introduce(user)
  }

  /** What is in the directory may be lost: enters everybody anew. */
  reenter(): void {
    if (this.#entered.size > 0) this.#isReentering = true
    for (const user of this.#entered) this.#changed.add(user)
    this.#entered.clear()
    this.#work.schedule(0)
  }

  /** Sees to it that nobody here is forgotten. */
  async beat(): Promise<void> {
    if (!this.#isMarked) return
    const isKept = await this.#options.directory.keep().catch(() => true)
    if (!isKept) this.reenter()
    await this.#renew().catch(() => undefined) // the next round comes to them again
  }

  /** Takes everybody out who is here. */
  async close(): Promise<void> {
    this.#work.close()
    this.#introductions.close()
    await this.#options.directory.leave([...this.#entered]).catch(() => undefined)
  }

  async #renew(): Promise<void> {
    const due: Address[] = []
    const count = Math.ceil(this.#entered.size / BEATS_OF_ENTRY)
    this.#renewal ??= this.#entered.values()
    for (let next = this.#renewal.next(); due.length < count; next = this.#renewal.next()) {
      if (next.done) {
        this.#renewal = null
        break
      }
      due.push(next.value)
    }
    if (due.length > 0) await this.#options.directory.enter(due)
  }

  /** @returns when it is to be done again */
  async #enterAndFind(): Promise<number | null> {
    const changed = [...this.#changed]
    const lookups = [...this.#lookups].slice(0, LOOKUPS_AT_ONCE)
    this.#changed.clear()
    for (const [user] of lookups) this.#lookups.delete(user)
    try {
      await this.#enter(changed)
      await this.#find(lookups)
    } catch {
      for (const user of changed) this.#changed.add(user)
      for (const [user, newcomers] of lookups) this.#addLookup(user, newcomers)
      return RETRY_MS
    }
    if (this.#changed.size === 0 && this.#isReentering) this.#reentered()
    return this.#changed.size + this.#lookups.size > 0 ? 0 : null
  }

  async #enter(changed: readonly Address[]): Promise<void> {
    const { directory, isHere } = this.#options
    const here = changed.filter(isHere)
    const gone = changed.filter(user => !isHere(user) && this.#entered.delete(user))
    if (!this.#isMarked) await directory.keep()
    this.#isMarked = true
    if (here.length > 0) await directory.enter(here)
    for (const user of here) this.#entered.add(user)
    // An entry that stays is found by others for nothing, and goes by itself.
    if (gone.length > 0) await directory.leave(gone).catch(() => undefined)
    // Who went or came meanwhile is looked at again.
    for (const user of here) this.refresh(user)
    for (const user of gone) this.refresh(user)
  }

  async #find(lookups: readonly (readonly [Address, readonly Address[]])[]): Promise<void> {
    if (lookups.length === 0) return
    const found = await this.#options.directory.find(lookups.map(([user]) => user))
    const now = performance.now()
    for (const [user, newcomers] of lookups) {
      for (const newcomer of newcomers) if (this.#options.isHere(newcomer)) this.#active.set(newcomer, now)
      const instances = found.get(user)
      if (instances) this.#options.onFound(user, instances, newcomers)
    }
  }

  #reentered(): void {
    this.#isReentering = false
    this.#enteredCount += 1
    this.#options.onEntered()
  }

  /** @returns when more are to be introduced */
  async #introduceSome(): Promise<number | null> {
    const newcomers = [...this.#newcomers].slice(0, INTRODUCTIONS_AT_ONCE)
    for (const user of newcomers) this.#newcomers.delete(user)
    const failed: Address[] = []
    await Promise.all(
      newcomers.map(async user => {
        if (!this.#options.isHere(user)) return
        try {
          if (!this.#entered.has(user)) throw new Error('Others cannot find them yet')
          for (const friend of await this.#options.friendsOf(user)) this.#addLookup(friend, [user])
        } catch {
          failed.push(user)
        }
      })
    )
    for (const user of failed) this.#newcomers.add(user)
    this.#work.schedule(BATCH_MS)
    if (failed.length > 0) return RETRY_MS
    return this.#newcomers.size > 0 ? 0 : null
  }

  #addLookup(user: Address, newcomers: readonly Address[]): void {
    const known = this.#lookups.get(user)
    if (known) known.push(...newcomers)
    else this.#lookups.set(user, [...newcomers])
  }
}
