import { createConcurrently } from '../concurrent.ts'
import { member } from '../population.ts'
import { Balancer } from './balancer.ts'
import type { Background, CrowdApi, Failures, Part, PushTimes, Sightings } from './crowd-api.ts'
import { Journal } from './journal.ts'
import { Member } from './member.ts'
import { Pair } from './pair.ts'
import { PairPacer } from './pair-pacer.ts'
import { Signatures } from './signatures.ts'

/** The clients of one process. */
export class Crowd implements CrowdApi {
  readonly #journal = new Journal()
  /** Members of this part and their friends, by their addresses. */
  readonly #places = new Map<string, number>()
  #members: readonly Member[] = []
  #pacer = new PairPacer([])
  #part: Part = { urls: [], from: 0, to: 0, total: 0, friends: 0 }

  /** Clients that are connected and subscribed. */
  get here(): number {
    return this.#members.filter(({ isHere }) => isHere).length
  }

  async prepare(part: Part): Promise<void> {
    this.#part = part
    const { urls, from, to, total, friends } = part
    const signatures = new Signatures(member)
    const deps = {
      handshake: (at: number) => signatures.of(at),
      balancer: new Balancer(urls),
      friendBit: (at: number, address: string) => this.#friendBit(at, address),
      onUpdate: (at: number, payload: Uint8Array) => this.#told(at, payload),
      onOffline: (address: string) => this.#journal.offline(this.#places.get(address)!),
      onAway: (at: number, ms: number) => this.#journal.away(at, ms),
      onBack: (ms: number) => this.#journal.back(ms),
      onFailure: (why: string) => this.#journal.failed(why)
    }
    const members: Member[] = []
    for (let step = from - friends / 2; step < to + friends / 2; step++) {
      const at = (step + total) % total
      const user = member(at)
      this.#places.set(user.address, at)
      if (step < from || step >= to) continue
      signatures.of(at)
      members.push(new Member(at, user.address, deps))
    }
    this.#members = members
    const half = this.#half
    const pairs = members.slice(0, half).map((it, at) => new Pair(it, members[at + half]!, deps.onFailure))
    this.#pacer = new PairPacer(pairs)
  }

  async warmUp(count: number): Promise<void> {
    const some = this.#members.slice(0, count)
    await createConcurrently(some.length, at => some[at]!.arrive())
    for (const it of some) it.leave()
  }

  async connect(): Promise<void> {
    await createConcurrently(this.#members.length, at => this.#members[at]!.arrive())
  }

  async watchFriends(): Promise<void> {
    await createConcurrently(this.#members.length, at => this.#members[at]!.watchFriends())
  }

  push(count: number, rate: number): Promise<PushTimes> {
    return this.#pacer.push(count, rate)
  }

  async goOn(rate: number): Promise<void> {
    this.#pacer.goOn(rate)
  }

  settle(): Promise<Background> {
    return this.#pacer.settle()
  }

  async countUnseeing(): Promise<number> {
    const all = 2 ** this.#part.friends - 1
    return this.#members.filter(({ shown }) => shown !== all).length
  }

  async takeFailures(): Promise<Failures> {
    return this.#journal.takeFailures()
  }

  async look(graceMs: number): Promise<Sightings> {
    return this.#journal.look(graceMs)
  }

  /** Of the members of a part the first half acts upon the second: they are no friends of each other. */
  get #half(): number {
    return Math.floor((this.#part.to - this.#part.from) / 2)
  }

  #told(at: number, payload: Uint8Array): void {
    const pair = this.#pacer.pairs[at - this.#part.from - this.#half]
    if (pair) pair.told(payload)
    else this.#journal.failed('An update for a client upon whom nobody acts')
  }

  /** A bit for each friend: first those who stand behind a member, then those before. */
  #friendBit(at: number, address: string): number {
    const { total, friends } = this.#part
    const reach = friends / 2
    const steps = (this.#places.get(address)! - at + total) % total
    return 1 << (steps <= reach ? reach + steps - 1 : total - steps - 1)
  }
}
