import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { RedisChannel } from '../../src/cluster/redis-channel.ts'
import { RedisDirectory } from '../../src/cluster/redis-directory.ts'
import type { Address } from '../../src/domain/address.ts'
import { ClusterPresence } from '../../src/presence/cluster-presence.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'
import { Locations } from '../../src/presence/locations.ts'
import { until } from '../../test/env/until.ts'
import { friendsElsewhere, member, type Population, stranger, USERS_OF_INSTANCE } from './population.ts'

/** Each user says where they are so often, in seconds (ADR-246). */
export const HEARTBEAT_S = 30
const CHANGES_PER_HOUR = 2
const HOUR_S = 3600
const BEAT_MS = 5000
const TICK_MS = 10
const POSITION_LIFETIME_MS = 120_000
const PLACE = { realm: 'hephaestus', x: '-012', y: '0034' }

/** The presence of all other instances: the same code as theirs, with users who come and go, and say where they are. */
export class OtherInstances implements AsyncDisposable {
  readonly #instances: readonly Other[]

  constructor(redisUrl: string, topic: string, population: Population) {
    const friends = friendsHere(population)
    const users = population.online - population.local
    this.#instances = Array.from({ length: Math.ceil(users / USERS_OF_INSTANCE) }, (_, at) => {
      const first = at * USERS_OF_INSTANCE
      const numbers = { first, count: Math.min(users - first, USERS_OF_INSTANCE) }
      return new Other(`other-${at}`, numbers, friends, { redisUrl, topic })
    })
  }

  /** Resolves when the users of each instance are there, and those who watch them know it. */
  async arrive(): Promise<void> {
    for (const instance of this.#instances) await instance.arrive()
  }

  /** Users come and go, and say where they are; until `seconds` are over. */
  async live(seconds: number): Promise<void> {
    const schedules = this.#instances.flatMap((instance, at) => {
      const shift = at / this.#instances.length
      const changeMs = (1000 * HOUR_S) / (instance.count * CHANGES_PER_HOUR)
      return [
        { everyMs: 1000, dueMs: shift * 1000, act: () => instance.heartbeats() },
        { everyMs: changeMs, dueMs: shift * changeMs, act: () => instance.change() }
      ]
    })
    const from = performance.now()
    while (performance.now() - from < seconds * 1000) {
      const now = performance.now() - from
      for (const schedule of schedules) {
        if (schedule.dueMs > now) continue
        schedule.dueMs += schedule.everyMs
        schedule.act()
      }
      await wait(TICK_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#instances.map(instance => instance.close()))
  }
}

/** The friends of users elsewhere, on the instance that is measured. */
function friendsHere(population: Population): ReadonlyMap<Address, readonly Address[]> {
  const friends = new Map<Address, Address[]>()
  for (let at = 0; at < population.local; at++) {
    const { address } = member(at)
    for (const number of friendsElsewhere(population, at)) {
      const known = friends.get(stranger(number))
      if (known) known.push(address)
      else friends.set(stranger(number), [address])
    }
  }
  return friends
}

/** One other instance. */
class Other {
  readonly count: number
  readonly #first: number
  readonly #local = new LocalPresence(0)
  readonly #channel: RedisChannel
  readonly #directory: RedisDirectory
  readonly #presence: ClusterPresence
  readonly #locations: Locations
  readonly #leave: (() => void)[] = []
  #second = 0
  #changes = 0

  constructor(
    instance: string,
    { first, count }: { readonly first: number; readonly count: number },
    friends: ReadonlyMap<Address, readonly Address[]>,
    { redisUrl: url, topic }: { readonly redisUrl: string; readonly topic: string }
  ) {
    this.count = count
    this.#first = first
    const logger = pino({ level: 'silent' })
    const [local, onMessage] = [this.#local, () => undefined]
    const channel = new RedisChannel({ instance, url, topic, logger })
    const directory = new RedisDirectory({ instance, url, topic, logger })
    const users = Array.from({ length: count }, (_, nth) => stranger(first + nth))
    const watched = new Set(users.flatMap(user => friends.get(user) ?? []))
    this.#channel = channel
    this.#directory = directory
    this.#presence = new ClusterPresence({
      instance,
      local,
      countLocal: () => local.size,
      channel,
      directory,
      friendIndex: {
        closenessTo: user => (watched.has(user) ? 'locate' : null),
        isWatching: () => false,
        friendsOf: async user => friends.get(user) ?? [],
        listen: () => () => undefined
      },
      graceMs: 0,
      beatMs: BEAT_MS,
      onMessage
    })
    const positions = { presence: this.#presence, locators: this.#presence, lifetimeMs: POSITION_LIFETIME_MS }
    this.#locations = new Locations({ ...positions, channel, onMessage })
  }

  async arrive(): Promise<void> {
    await until(() => this.#channel.isConnected, 'the channel is connected')
    for (let nth = 0; nth < this.count; nth++) this.#leave[nth] = this.#local.connect(stranger(this.#first + nth))
  }

  /** Those of one second, of those whom anybody elsewhere wants to know about: of others nothing is sent. */
  heartbeats(): void {
    const perSecond = Math.ceil(this.count / HEARTBEAT_S)
    const from = (this.#second++ % HEARTBEAT_S) * perSecond
    for (let nth = from; nth < Math.min(from + perSecond, this.count); nth++) {
      const user = stranger(this.#first + nth)
      if (this.#presence.locatorsOf(user).length > 0) this.#locations.set(user, PLACE)
    }
  }

  /** Somebody goes, and somebody who had gone comes back. */
  change(): void {
    const number = this.#changes++
    const nth = (number >> 1) % this.count
    if (number % 2 === 0) this.#leave[nth]?.()
    else this.#leave[nth] = this.#local.connect(stranger(this.#first + nth))
  }

  async close(): Promise<void> {
    this.#locations.close()
    this.#local.close()
    await this.#presence.close()
    await this.#channel.close()
    this.#directory.close()
  }
}
