import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { MAX_USERS } from '../../src/cluster/messages.ts'
import { stranger, USERS_OF_INSTANCE } from './population.ts'

/** Each user says where they are so often, in seconds (ADR-246). */
export const HEARTBEAT_S = 30
const CHANGES_PER_HOUR = 2
const HOUR_S = 3600
const BEAT_S = 5
const TICK_MS = 10
const PLACE = { realm: 'hephaestus', x: '-012', y: '0034' }

/** The other instances: what they say, in the time in which real ones would. */
export class OtherInstances implements AsyncDisposable {
  readonly #redis: Redis
  readonly #topic: string
  readonly #instances: readonly Other[]

  constructor(redisUrl: string, topic: string, users: number) {
    this.#redis = new Redis(redisUrl)
    this.#topic = topic
    const count = Math.ceil(users / USERS_OF_INSTANCE)
    this.#instances = Array.from({ length: count }, (_, at) => new Other(at, Math.min(users, USERS_OF_INSTANCE)))
  }

  /** Says once who is where. */
  async arrive(): Promise<void> {
    for (const instance of this.#instances) {
      await Promise.all(instance.snapshot().map(text => this.#redis.publish(this.#topic, text)))
    }
  }

  /** Users come and go, and say where they are; until `seconds` are over. */
  async live(seconds: number): Promise<void> {
    const schedules = this.#instances.flatMap((instance, at) => {
      const shift = at / this.#instances.length
      const changesPerSecond = (instance.users * CHANGES_PER_HOUR) / HOUR_S
      return [
        { everyMs: 1000, dueMs: shift * 1000, text: () => instance.heartbeats() },
        { everyMs: BEAT_S * 1000, dueMs: shift * BEAT_S * 1000, text: () => instance.beat() },
        { everyMs: 1000 / changesPerSecond, dueMs: (shift * 1000) / changesPerSecond, text: () => instance.change() }
      ]
    })
    const from = performance.now()
    while (performance.now() - from < seconds * 1000) {
      const now = performance.now() - from
      for (const schedule of schedules) {
        if (schedule.dueMs > now) continue
        schedule.dueMs += schedule.everyMs
        void this.#redis.publish(this.#topic, schedule.text())
      }
      await wait(TICK_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect()
  }
}

/** One other instance, with the messages that it sends. */
class Other {
  readonly users: number
  readonly #name: string
  readonly #first: number
  /** The heartbeats of one second, as often as there are seconds between two heartbeats. */
  readonly #heartbeats: readonly string[]
  #second = 0
  #version = 0
  #changes = 0

  constructor(at: number, users: number) {
    this.users = users
    this.#name = `other ${at}`
    this.#first = at * USERS_OF_INSTANCE
    const perSecond = Math.ceil(users / HEARTBEAT_S)
    this.#heartbeats = Array.from({ length: HEARTBEAT_S }, (_, second) => {
      const numbers = Array.from({ length: perSecond }, (_, nth) => second * perSecond + nth).filter(nth => nth < users)
      const positions = numbers.map(nth => ({ user: stranger(this.#first + nth), position: PLACE, ageMs: 500 }))
      return this.#text({ kind: 'positions', positions })
    })
  }

  snapshot(): string[] {
    const parts = Math.ceil(this.users / MAX_USERS)
    return Array.from({ length: parts }, (_, part) => {
      const count = Math.min(MAX_USERS, this.users - part * MAX_USERS)
      const online = Array.from({ length: count }, (_, nth) => stranger(this.#first + part * MAX_USERS + nth))
      return this.#text({ kind: 'presence-snapshot', ...this.#sender, part, parts, online })
    })
  }

  heartbeats(): string {
    return this.#heartbeats[this.#second++ % HEARTBEAT_S]!
  }

  beat(): string {
    return this.#text({ kind: 'presence-beat', ...this.#sender })
  }

  /** Somebody goes, and somebody who had gone comes back. */
  change(): string {
    this.#version += 1
    const number = this.#changes++
    const users = [stranger(this.#first + ((number >> 1) % this.users))]
    const [online, offline] = number % 2 === 0 ? [[], users] : [users, []]
    return this.#text({ kind: 'presence-change', ...this.#sender, online, offline })
  }

  get #sender() {
    return { instance: this.#name, version: this.#version }
  }

  #text(message: object): string {
    return JSON.stringify({ from: this.#name, message })
  }
}
