import type { Address } from '../../src/domain/address.ts'
import { type User, user } from '../users.ts'
import { circle, type Edge, type World } from '../world.ts'

const FRIENDS_OF_EACH = 50
/** Users of each of the other instances. */
export const USERS_OF_INSTANCE = 10_000
/** Friends elsewhere are so far apart: they are on all instances, and no two users have the same ones. */
const STRIDE = 7_919

/** How many users are online, how many of them on the instance that is measured, and how many friends each has elsewhere. */
export interface Population {
  readonly online: number
  readonly local: number
  readonly away: number
}

/** One of those who are on the instance that is measured. */
export const member = (at: number): User => user(`member ${at}`)

/** One of those who are on the other instances. */
export const stranger = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}` as Address

/** The database of the instance: its users stand in a circle, and are friends of those who stand nearest and of a few elsewhere. */
export function worldOf(population: Population): World {
  const members = Array.from({ length: population.local }, (_, at) => member(at))
  const addresses = members.map(({ address }) => address)
  return { everybody: members, friendships: friendships(population, addresses), requests: [] }
}

function* friendships({ online, local, away }: Population, addresses: readonly Address[]): Generator<Edge> {
  const elsewhere = online - local
  if (elsewhere === 0) return yield* circle(addresses, 1, FRIENDS_OF_EACH / 2)
  yield* circle(addresses, 1, Math.floor((FRIENDS_OF_EACH - away) / 2))
  for (const [at, address] of addresses.entries()) {
    for (const friend of friendsElsewhere({ online, local, away }, at)) yield [address, stranger(friend)]
  }
}

/** The numbers of the friends whom a user of the instance has elsewhere. */
export function friendsElsewhere({ online, local, away }: Population, at: number): number[] {
  const elsewhere = online - local
  return Array.from({ length: elsewhere === 0 ? 0 : away }, (_, nth) => ((at * away + nth) * STRIDE) % elsewhere)
}
