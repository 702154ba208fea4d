import type { Address } from '../domain/address.ts'
import { chunksOf } from '../lib/chunks.ts'
import type { Logger } from '../observability/logger.ts'
import { Counters } from './counters.ts'
import type { Directory } from './directory.ts'

interface RedisDirectoryOptions {
  /** The id of this instance, without a space. */
  readonly instance: string
  readonly url: string
  /** The name under which the instances of one service find each other. */
  readonly topic: string
  readonly logger: Logger
}

/** How long Redis remembers where a user is who is not entered again, in seconds. */
const ENTRY_S = 3600
/** Longest wait for an answer, in milliseconds: no request waits for it, and what failed is done again. */
const COMMAND_MS = 2000
/** Instances that one user is entered at: the oldest make room. */
const MAX_PLACES = 8
/** Users whom one command is about. */
const CHUNK = 200

// The instances of a user are one text, the newest last: a set would take twice the memory.
const ENTER = `for _, key in ipairs(KEYS) do
  local places = {}
  for place in string.gmatch(redis.call('get', key) or '', '%S+') do
    if place ~= ARGV[1] then places[#places + 1] = place end
  end
  places[#places + 1] = ARGV[1]
  local first = math.max(1, #places - ARGV[3] + 1)
  redis.call('set', key, table.concat(places, ' ', first), 'ex', ARGV[2])
end`
const LEAVE = `for _, key in ipairs(KEYS) do
  local places = {}
  local before = redis.call('get', key)
  for place in string.gmatch(before or '', '%S+') do
    if place ~= ARGV[1] then places[#places + 1] = place end
  end
  if #places == 0 then redis.call('del', key)
  else redis.call('set', key, table.concat(places, ' '), 'ex', ARGV[2]) end
end`

/** The directory in Redis, where every entry goes by itself. */
export class RedisDirectory implements Directory {
  readonly #redis: Counters
  readonly #instance: string
  readonly #prefix: string

  constructor({ instance, url, topic, logger }: RedisDirectoryOptions) {
    this.#redis = new Counters(url, logger, COMMAND_MS)
    this.#instance = instance
    this.#prefix = `${topic}:at:`
  }

  async enter(users: readonly Address[]): Promise<void> {
    await this.#write(ENTER, users)
  }

  async leave(users: readonly Address[]): Promise<void> {
    await this.#write(LEAVE, users)
  }

  async find(users: readonly Address[]): Promise<ReadonlyMap<Address, readonly string[]>> {
    const found = new Map<Address, readonly string[]>()
    const client = await this.#redis.client
    const reads = commandsOf(users).map(async chunk => {
      const texts = await client.mget(chunk.map(user => this.#keyOf(user)))
      for (const [at, user] of chunk.entries()) {
        const places = texts[at]?.split(' ').filter(place => place !== this.#instance) ?? []
        if (places.length > 0) found.set(user, places)
      }
    })
    await Promise.all(reads)
    return found
  }

  async keep(): Promise<boolean> {
    const client = await this.#redis.client
    const reply = await client.expire(this.#ownKey, ENTRY_S)
    if (reply === 0) await client.set(this.#ownKey, '1', 'EX', ENTRY_S)
    return reply === 1
  }

  close(): void {
    this.#redis.close()
  }

  async #write(script: string, users: readonly Address[]): Promise<void> {
    const client = await this.#redis.client
    const writes = commandsOf(users).map(chunk => {
      const keys = chunk.map(user => this.#keyOf(user))
      return client.eval(script, keys.length, ...keys, this.#instance, ENTRY_S, MAX_PLACES)
    })
    await Promise.all(writes)
  }

  get #ownKey(): string {
    return `${this.#prefix}${this.#instance}`
  }

  #keyOf(user: Address): string {
    return `${this.#prefix}{${groupOf(user)}}${user.slice(2)}`
  }
}

/**
 * By the first digit: keys of one group are together on one node of a cluster, and go into one command. With sixteen of
 * them a lookup of fifty friends takes no more commands than that.
 */
const groupOf = (user: Address): string => user.charAt(2)

/** Users of one group each, as many as one command takes. */
function commandsOf(users: readonly Address[]): Address[][] {
  const groups = new Map<string, Address[]>()
  for (const user of users) {
    const group = groups.get(groupOf(user))
    if (group) group.push(user)
    else groups.set(groupOf(user), [user])
  }
  return [...groups.values()].flatMap(group => chunksOf(group, CHUNK))
}
