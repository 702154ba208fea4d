import { LRUCache } from 'lru-cache'
import type { Address } from '../domain/address.ts'
import type { Logger } from '../observability/logger.ts'
import { Catalyst } from './catalyst.ts'
import { type CallOutcome, type Lookup, Lookups } from './lookups.ts'
import { type Profile, unknownProfile } from './profile.ts'

/** Users of whom the profile, or that they have none, is held in memory. */
const CACHE_SIZE = 50_000
/** For so long a profile is not asked for again, in milliseconds. */
const TTL_MS = 10 * 60_000
/** For so long a user without a profile is not asked for again, in milliseconds. */
const NEGATIVE_TTL_MS = 60_000
/** A call may last so many times as long as a request waits for it: too late for that one, in time for the next. */
const CALL_PATIENCE = 2

/** Counts what is asked for, and what it takes. */
export interface ProfilesObserver {
  /** One request for profiles: how many users were known, and how many had to be asked for. */
  requested(known: number, missing: number): void
  /** One call to the Catalyst that is over. */
  callEnded(outcome: CallOutcome, durationMs: number): void
}

export interface ProfilesOptions {
  /** The Catalyst, without a slash at the end; null when there is none, and nobody has a profile. */
  readonly url: string | null
  /** Longest wait of a request for profiles. */
  readonly timeoutMs: number
  readonly cacheSize?: number
  readonly ttlMs?: number
  readonly negativeTtlMs?: number
  readonly logger: Logger
  readonly observer?: ProfilesObserver
  /** Unix milliseconds. */
  readonly now: () => number
}

interface Cached {
  readonly profile: Profile
  /** Unix milliseconds. */
  readonly freshUntil: number
}

/** Names and pictures of users, as far as a Catalyst tells them in time: to ask for them never fails. */
export class Profiles {
  readonly #timeoutMs: number
  readonly #ttlMs: number
  readonly #negativeTtlMs: number
  readonly #observer: ProfilesObserver | undefined
  readonly #now: () => number
  readonly #cache: LRUCache<Address, Cached>
  readonly #catalyst: Catalyst | null
  readonly #lookups: Lookups | null

  constructor({ url, timeoutMs, logger, observer, now, ...cache }: ProfilesOptions) {
    this.#timeoutMs = timeoutMs
    this.#ttlMs = cache.ttlMs ?? TTL_MS
    this.#negativeTtlMs = cache.negativeTtlMs ?? NEGATIVE_TTL_MS
    this.#observer = observer
    this.#now = now
    this.#cache = new LRUCache({ max: cache.cacheSize ?? CACHE_SIZE })
    const catalyst = url === null ? null : new Catalyst({ url, timeoutMs: CALL_PATIENCE * timeoutMs })
    this.#catalyst = catalyst
    this.#lookups =
      catalyst &&
      new Lookups({
        ask: async addresses => this.#remember(addresses, await catalyst.profiles(addresses)),
        callEnded: (outcome, durationMs) => observer?.callEnded(outcome, durationMs),
        logger,
        now
      })
  }

  /**
   * The profile of everyone who is named, with an empty name where it is not known. What is no longer fresh is answered
   * all the same, and asked for anew behind the back of the request.
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
    this.#observer?.requested(profiles.size - missing.size, missing.size)

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

  /** Ends what is under way: requests that wait get what is known by now. */
  async close(): Promise<void> {
    await Promise.all([this.#lookups?.close(), this.#catalyst?.close()])
  }

  /** Waits until the lookups are over, and not past the deadline. */
  async #wait(lookups: ReadonlySet<Lookup | null>): Promise<void> {
    const calls = [...lookups].flatMap(lookup => lookup?.done ?? [])
    if (calls.length === 0) return
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise(resolve => {
      timer = setTimeout(resolve, this.#timeoutMs)
    })
    await Promise.race([Promise.all(calls), deadline])
    clearTimeout(timer)
  }

  #remember(addresses: readonly Address[], found: ReadonlyMap<Address, Profile>): ReadonlyMap<Address, Profile> {
    const now = this.#now()
    for (const address of addresses) {
      const profile = found.get(address)
      // Profiles are not taken back, but a Catalyst whose own sources fail answers without them.
      const known = profile ?? this.#cache.peek(address)?.profile ?? unknownProfile(address)
      this.#cache.set(address, { profile: known, freshUntil: now + (profile ? this.#ttlMs : this.#negativeTtlMs) })
    }
    return found
  }
}
