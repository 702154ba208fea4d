import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import type { Env, Inbox, V1User } from '../env/app.ts'
import { until } from '../env/until.ts'
import { inWords, send } from '../model/operations.ts'
import type { Deed } from '../model/reference.ts'
import { pushes } from './expected-updates.ts'
import type { LogReader } from './log-reader.ts'

/** A client that gets an error waits this long before it tries again, in milliseconds. */
const RETRY_MS = 10

/** One user of a couple, and what their device was told by the other. */
export interface Partner {
  readonly user: V1User
  readonly inbox: Inbox
}

export async function partner(env: Env): Promise<Partner> {
  const user = await env.login()
  return { user, inbox: await env.updates(user) }
}

/** Sends a deed until it is acknowledged. @returns what was answered before */
export async function insist(user: V1User, deed: Deed): Promise<string[]> {
  const failures: string[] = []
  for (;;) {
    const answer = await send(user, deed)
    if (answer.startsWith(`${deed.action} ${deed.target}`)) return failures
    failures.push(answer)
    await wait(RETRY_MS)
  }
}

/**
 * Two users who become friends and part, again and again, as stubborn as clients are: what fails is sent again until it
 * is acknowledged. With a clock that stands still a repetition is known as one, so that in the end each deed must be
 * in the log, and be told, exactly once.
 */
export class Couple {
  /** What was acknowledged, in its order. */
  readonly done: Deed[] = []
  /** What was answered in place of an acknowledgement. */
  readonly failures: string[] = []
  readonly #one: Partner
  readonly #other: Partner
  #isOver = false

  constructor(one: Partner, other: Partner) {
    this.#one = one
    this.#other = other
  }

  /** Starts to act. @returns what ends it, when the deed that is under way is acknowledged */
  start(): () => Promise<void> {
    const acting = this.#act()
    return async () => {
      this.#isOver = true
      await acting
    }
  }

  /** Compares what was acknowledged with what the log holds and with what both were told. */
  async check(log: LogReader): Promise<void> {
    const events = await log.ofPair(this.#one.user.address, this.#other.user.address)
    const brief = ({ actor, action, message }: Deed | PairEvent) => `${actor} ${action} ${message ?? ''}`
    expect(events.map(brief)).toEqual(this.done.map(brief))
    await this.#checkTold(this.#one, this.#other, events)
    await this.#checkTold(this.#other, this.#one, events)
  }

  async #checkTold(to: Partner, from: Partner, events: readonly PairEvent[]): Promise<void> {
    const expected = pushes(events.filter(({ actor }) => actor === from.user.address))
    const told = (): string[] => to.inbox.events.map(inWords).filter(words => words.includes(from.user.address))
    await until(() => told().length >= expected.length, 'everything that is in the log is told')
    expect(told()).toEqual(expected)
    expect(to.inbox.ended).toBeNull()
  }

  async #act(): Promise<void> {
    for (let round = 0; !this.#isOver; round++) {
      await this.#insist(this.#one, 'request', this.#other, `${round} of ${this.#one.user.address}`)
      if (round % 3 === 0) {
        await this.#insist(this.#other, 'accept', this.#one)
        await this.#insist(this.#one, 'delete', this.#other)
      } else if (round % 3 === 1) await this.#insist(this.#one, 'cancel', this.#other)
      else await this.#insist(this.#other, 'reject', this.#one)
    }
  }

  async #insist({ user }: Partner, action: Deed['action'], to: Partner, message?: string): Promise<void> {
    const deed = { actor: user.address, action, target: to.user.address, message, at: 0 }
    this.failures.push(...(await insist(user, deed)))
    this.done.push(deed)
  }
}
