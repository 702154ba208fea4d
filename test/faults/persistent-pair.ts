import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import type { Env, Inbox, V1User } from '../env/app.ts'
import { until } from '../env/until.ts'
import { inWords, send } from '../model/operations.ts'
import type { Operation } from '../model/reference.ts'
import { expectedUpdates } from './expected-updates.ts'
import type { LogReader } from './log-reader.ts'

/** A client that gets an error waits this long before it tries again, in milliseconds. */
const RETRY_MS = 10

/** One user of a pair, and what their device received of the other. */
export interface PairUser {
  readonly user: V1User
  readonly inbox: Inbox
}

export async function connectUser(env: Env): Promise<PairUser> {
  const user = await env.login()
  return { user, inbox: await env.updates(user) }
}

/** Sends an operation until it is acknowledged. @returns what was answered before */
export async function retryUntilAcknowledged(user: V1User, operation: Operation): Promise<string[]> {
  const failures: string[] = []
  for (;;) {
    const answer = await send(user, operation)
    if (answer.startsWith(`${operation.action} ${operation.target}`)) return failures
    failures.push(answer)
    await wait(RETRY_MS)
  }
}

/**
 * Two users who become friends and part, again and again, as persistent as clients are: what fails is sent again until it
 * is acknowledged. With a clock that stands still a repetition is known as one, so that in the end each operation must be
 * in the log, and arrive, exactly once.
 */
export class PersistentPair {
  /** What was acknowledged, in its order. */
  readonly done: Operation[] = []
  /** What was answered in place of an acknowledgement. */
  readonly failures: string[] = []
  readonly #one: PairUser
  readonly #other: PairUser
  #isOver = false

  constructor(one: PairUser, other: PairUser) {
    this.#one = one
    this.#other = other
  }

  /** Starts to act. @returns what ends it, when the operation that is under way is acknowledged */
  start(): () => Promise<void> {
    const acting = this.#act()
    return async () => {
      this.#isOver = true
      await acting
    }
  }

  /** Compares what was acknowledged with what the log holds and with what both received. */
  async check(log: LogReader): Promise<void> {
    const events = await log.ofPair(this.#one.user.address, this.#other.user.address)
    const brief = ({ actor, action, message }: Operation | PairEvent) => `${actor} ${action} ${message ?? ''}`
    expect(events.map(brief)).toEqual(this.done.map(brief))
    await this.#checkReceivedUpdates(this.#one, this.#other, events)
    await this.#checkReceivedUpdates(this.#other, this.#one, events)
  }

  async #checkReceivedUpdates(to: PairUser, from: PairUser, events: readonly PairEvent[]): Promise<void> {
    const expected = expectedUpdates(events.filter(({ actor }) => actor === from.user.address))
    const received = (): string[] => to.inbox.events.map(inWords).filter(words => words.includes(from.user.address))
    await until(() => received().length >= expected.length, 'everything that is in the log arrives')
    expect(received()).toEqual(expected)
    expect(to.inbox.ended).toBeNull()
  }

  async #act(): Promise<void> {
    for (let round = 0; !this.#isOver; round++) {
      await this.#retryUntilAcknowledged(this.#one, 'request', this.#other, `${round} of ${this.#one.user.address}`)
      if (round % 3 === 0) {
        await this.#retryUntilAcknowledged(this.#other, 'accept', this.#one)
        await this.#retryUntilAcknowledged(this.#one, 'delete', this.#other)
      } else if (round % 3 === 1) await this.#retryUntilAcknowledged(this.#one, 'cancel', this.#other)
      else await this.#retryUntilAcknowledged(this.#other, 'reject', this.#one)
    }
  }

  async #retryUntilAcknowledged(
    { user }: PairUser,
    action: Operation['action'],
    to: PairUser,
    message?: string
  ): Promise<void> {
    const operation = { actor: user.address, action, target: to.user.address, message, at: 0 }
    this.failures.push(...(await retryUntilAcknowledged(user, operation)))
    this.done.push(operation)
  }
}
