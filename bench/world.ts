import type { Address } from '../src/domain/address.ts'
import { type User, user } from './users.ts'

/** Who is there, each with a session, and what they are to each other. */
export interface World {
  readonly everybody: Iterable<User>
  /** Pairs of friends. */
  readonly friendships: Iterable<Edge>
  /** Who has asked whom, and waits for an answer. */
  readonly requests: Iterable<Edge>
}

/** How large a world is. */
export interface WorldSize {
  readonly rows: number
  readonly connections: number
  readonly sockets: number
}

/** Workloads that change friendships: each has users of its own, so that none meets what another has left. */
export const CHANGING = ['v1-updates', 'v2-updates', 'v2-push', 'raw-updates'] as const

export const FRIENDS_OF_EACH = 100
export const COUPLES = 20
export const COMMON_FRIENDS = 250
const OWN_FRIENDS = 250
/** In each lane of a workload that changes friendships, everybody of the one side meets everybody of the other. */
export const ACTORS = 5

/** Friends on each side of a user when all stand in a circle. */
const REACH = FRIENDS_OF_EACH / 2
const REQUESTS_OF_EACH = 5

/** Users in a circle, each of whom is a friend of the hundred that stand nearest. */
export const crowdSize = ({ rows }: WorldSize): number =>
  Math.max(Math.ceil(rows / REACH), 2 * (FRIENDS_OF_EACH + REQUESTS_OF_EACH))

export const crowd = (at: number): User => user(`crowd ${at}`)
export const spouse = (couple: number, side: 'left' | 'right'): User => user(`${side} ${couple}`)
export const listener = (at: number): User => user(`listener ${at}`)
export const actor = (workload: (typeof CHANGING)[number], lane: number, side: 'asks' | 'is asked', at: number): User =>
  user(`${workload} ${lane} ${side} ${at}`)

/** The world in which one instance is measured. */
export function worldOf(size: WorldSize): World {
  return { everybody: everybody(size), friendships: friendships(size), requests: requests(size) }
}

/** Everybody who has a session from the start, friends of couples included. */
function* everybody(size: WorldSize): Generator<User> {
  for (let at = 0; at < crowdSize(size); at++) yield crowd(at)
  for (let couple = 0; couple < COUPLES; couple++) {
    yield spouse(couple, 'left')
    yield spouse(couple, 'right')
  }
  for (let at = 0; at < size.sockets; at++) yield listener(at)
  for (const workload of CHANGING) {
    for (let lane = 0; lane < size.connections; lane++) {
      for (let at = 0; at < ACTORS; at++) {
        yield actor(workload, lane, 'asks', at)
        yield actor(workload, lane, 'is asked', at)
      }
    }
  }
}

export type Edge = readonly [from: string, to: string]

function* friendships(size: WorldSize): Generator<Edge> {
  yield* circle(crowdOf(size), 1, REACH)
  for (let couple = 0; couple < COUPLES; couple++) {
    const left = spouse(couple, 'left').address
    const right = spouse(couple, 'right').address
    for (let at = 0; at < COMMON_FRIENDS; at++) {
      const common = user(`common ${couple} ${at}`).address
      yield [left, common]
      yield [right, common]
    }
    for (let at = 0; at < OWN_FRIENDS; at++) {
      yield [left, user(`of left ${couple} ${at}`).address]
      yield [right, user(`of right ${couple} ${at}`).address]
    }
  }
}

/** Each of the crowd has asked some who stand a little farther away. */
function requests(size: WorldSize): Generator<Edge> {
  return circle(crowdOf(size), REACH + 1, REACH + REQUESTS_OF_EACH)
}

function crowdOf(size: WorldSize): Address[] {
  return Array.from({ length: crowdSize(size) }, (_, at) => crowd(at).address)
}

/** Pairs of those who stand in a circle, so many steps apart. */
export function* circle(addresses: readonly Address[], from: number, to: number): Generator<Edge> {
  for (const [at, address] of addresses.entries()) {
    for (let step = from; step <= to; step++) yield [address, addresses[(at + step) % addresses.length]!]
  }
}
