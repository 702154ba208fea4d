import { LRUCache } from 'lru-cache'
import type { Address } from '../domain/address.ts'
import { settledWithin } from '../lib/deadline.ts'
import type { Logger } from '../observability/logger.ts'
import { Catalyst } from './catalyst.ts'
import { type CallOutcome, type Lookup, Lookups } from './lookups.ts'
import { type Profile, unknownProfile } from './profile.ts'

/** For so long a profile is fresh, in milliseconds. */
export const TTL_MS = 10 * 60_000
/** The same for a user who has none. */
export const NEGATIVE_TTL_MS = 60_000
/** A call may last so many times as long as a request waits for it: too late for that one, in time for the next. */
const CALL_TIMEOUT_FACTOR = 2

/** Counts requests, and the calls that they take. */
export interface ProfilesObserver {
  /** One request for profiles: how many users were in memory, and how many were not. */
  requested(known: number, missing: number): void
  /** One call to the Catalyst that is over. */
  callEnded(outcome: CallOutcome, durationMs: number): void
}

export interface ProfilesOptions {
  /** The Catalyst, without a slash at the end; null when there is none, and nobody has a profile. */
  readonly url: string | null
  /** Longest wait of a request for profiles. */
  readonly timeoutMs: number
  /** Users of whom the profile, or that they have none, is held in memory. */
  readonly cacheSize: number
  readonly logger: Logger
  readonly observer: ProfilesObserver
  /** Unix milliseconds. */
  readonly now: () => number
}

interface Cached {
  readonly profile: Profile
  /** Unix milliseconds. */
  readonly freshUntil: number
}

/** Names and pictures of users, as far as a Catalyst has them in time: a request for them never fails. */
export class Profiles {
  readonly #timeoutMs: number
  readonly #observer: ProfilesObserver
  readonly #now: () => number
  readonly #cache: LRUCache<Address, Cached>
  readonly #catalyst: Catalyst | null
  readonly #lookups: Lookups | null

  constructor({ url, timeoutMs, cacheSize, logger, observer, now }: ProfilesOptions) {
    this.#timeoutMs = timeoutMs
    this.#observer = observer
    this.#now = now
    this.#cache = new LRUCache({ max: cacheSize })
    const catalyst = url === null ? null : new Catalyst({ url, timeoutMs: CALL_TIMEOUT_FACTOR * timeoutMs })
    this.#catalyst = catalyst
    this.#lookups =
      catalyst &&
      new Lookups({
        fetch: async addresses => this.#store(addresses, await catalyst.profiles(addresses)),
        callEnded: (outcome, durationMs) => observer.callEnded(outcome, durationMs),
        logger,
        now
      })
  }

  /**
   * The profile of everyone who is named, with the address for a name where it is not known. What is no longer fresh is answered
   * all the same, and fetched anew in the background.
   */
  async of(addresses: readonly Address[]): Promise<Map<Address, Profile>> {
    const profiles = new Map<Address, Profile>()
    const missing = new Map<Address, Lookup | null>()
    const now = this.#now()
    for (const address of addresses) {
      if (profiles.has(address)) continue
      const cached = this.#cache.get(address)
      profiles.set(address, cached?.profile ?? unknownProfile(address))
      if (cached && now < cached.freshUntil) continue
      const lookup = this.#lookups?.join(address) ?? null
      if (!cached) missing.set(address, lookup)
    }
    this.#observer.requested(profiles.size - missing.size, missing.size)

    await this.#wait(new Set(missing.values()))
    for (const [address, lookup] of missing) {
      const found = lookup?.found.get(address)
      if (found) profiles.set(address, found)
    }
    return profiles
  }

  /** As {@link of}, for one user. */
  async one(address: Address): Promise<Profile> {
    return (await this.of([address])).get(address) ?? unknownProfile(address)
  }

  /** As {@link of}. @returns what gives the profile of each of them, or what is shown of one whose profile is not known */
  async lookUp(addresses: readonly Address[]): Promise<(address: Address) => Profile> {
    const profiles = await this.of(addresses)
    return address => profiles.get(address) ?? unknownProfile(address)
  }

  /** Ends the calls that are under way: requests that wait get what is known by now. */
  async close(): Promise<void> {
    await Promise.all([this.#lookups?.close(), this.#catalyst?.close()])
  }

  /** Waits until the lookups are over, and not past the deadline. */
  async #wait(lookups: ReadonlySet<Lookup | null>): Promise<void> {
    const calls = [...lookups].flatMap(lookup => lookup?.done ?? [])
    if (calls.length > 0) await settledWithin(this.#timeoutMs, Promise.all(calls))
  }

  #store(addresses: readonly Address[], found: ReadonlyMap<Address, Profile>): ReadonlyMap<Address, Profile> {
    const now = this.#now()
    for (const address of addresses) {
      const profile = found.get(address)
      // Profiles are not taken back, but a Catalyst whose own sources fail answers without them.
      const known = profile ?? this.#cache.peek(address)?.profile ?? unknownProfile(address)
      this.#cache.set(address, { profile: known, freshUntil: now + (profile ? TTL_MS : NEGATIVE_TTL_MS) })
    }
    return found
  }
}
