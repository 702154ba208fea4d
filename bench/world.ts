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
  /** How often each workload that changes friendships is to be run upon it, once unless given. */
  readonly rounds?: number
}

/** Workloads that change friendships: each has users of its own, so that none meets what another has left. */
export const CHANGING = ['v1-updates', 'v2-updates', 'v2-push', 'raw-updates'] as const

export const FRIENDS_OF_EACH = 100
/** In each lane of a workload that changes friendships, everybody of the one side meets everybody of the other. */
export const ACTORS = 5

/** How many of the crowd have missed events, and how many each. */
export const MISSED = { users: 1_000, ofEach: 5 }

/** Friends on each side of a user when all stand in a circle. */
const REACH = FRIENDS_OF_EACH / 2
const REQUESTS_OF_EACH = 5

/** Couples whose friends are others than those of everybody else: some in common, and as many of each alone. */
export interface Couples {
  readonly name: string
  readonly count: number
  readonly common: number
}

export const COUPLES: Couples = { name: 'couple', count: 20, common: 250 }
/** Each of them has as many friends as a user may have. */
export const POPULAR: Couples = { name: 'popular', count: 2, common: 1_000 }

/** Users in a circle, each of whom is a friend of the hundred that stand nearest. */
export const crowdSize = ({ rows }: WorldSize): number =>
  Math.max(Math.ceil(rows / REACH), 2 * (FRIENDS_OF_EACH + REQUESTS_OF_EACH))

export const crowd = (at: number): User => user(`crowd ${at}`)
export const spouse = ({ name }: Couples, couple: number, side: 'left' | 'right'): User =>
  user(`${name} ${side} ${couple}`)
export const listener = (at: number): User => user(`listener ${at}`)
export const actor = (workload: (typeof CHANGING)[number], lane: number, side: 'asks' | 'is asked', at: number): User =>
  user(`${workload} ${lane} ${side} ${at}`)

/** The world in which one instance is measured. */
export function worldOf(size: WorldSize): World {
  const circleOf = Array.from({ length: crowdSize(size) }, (_, at) => crowd(at))
  const addresses = circleOf.map(({ address }) => address)
  return {
    everybody: everybody(circleOf, size),
    friendships: friendships(addresses),
    // Each has asked some who stand a little farther away.
    requests: circle(addresses, REACH + 1, REACH + REQUESTS_OF_EACH)
  }
}

/** Everybody who has a session from the start: all but the friends of couples. */
function* everybody(circleOf: readonly User[], size: WorldSize): Generator<User> {
  yield* circleOf
  for (const couples of [COUPLES, POPULAR]) {
    for (let couple = 0; couple < couples.count; couple++) {
      yield spouse(couples, couple, 'left')
      yield spouse(couples, couple, 'right')
    }
  }
  for (let at = 0; at < size.sockets; at++) yield listener(at)
  for (const workload of CHANGING) {
    for (let lane = 0; lane < size.connections * (size.rounds ?? 1); lane++) {
      for (let at = 0; at < ACTORS; at++) {
        yield actor(workload, lane, 'asks', at)
        yield actor(workload, lane, 'is asked', at)
      }
    }
  }
}

export type Edge = readonly [from: string, to: string]

function* friendships(addresses: readonly string[]): Generator<Edge> {
  yield* circle(addresses, 1, REACH)
  for (const couples of [COUPLES, POPULAR]) {
    for (let couple = 0; couple < couples.count; couple++) yield* friendsOf(couples, couple)
  }
}

function* friendsOf(couples: Couples, couple: number): Generator<Edge> {
  const left = spouse(couples, couple, 'left').address
  const right = spouse(couples, couple, 'right').address
  const friend = (kind: string, at: number): string => user(`${couples.name} ${couple} ${kind} ${at}`).address
  for (let at = 0; at < couples.common; at++) {
    const common = friend('common', at)
    yield [left, common]
    yield [right, common]
    yield [left, friend('of left', at)]
    yield [right, friend('of right', at)]
  }
}

/** Pairs of those who stand in a circle, so many steps apart. */
export function* circle(addresses: readonly string[], from: number, to: number): Generator<Edge> {
  for (const [at, address] of addresses.entries()) {
    for (let step = from; step <= to; step++) yield [address, addresses[(at + step) % addresses.length]!]
  }
}
