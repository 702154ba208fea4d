import { type User, user } from '../users.ts'
import { circle, type World } from '../world.ts'

export const FRIENDS_OF_EACH = 50
/** Pairs of whom one acts upon the other. */
export const PAIRS = 500

/** One of many who stand in a circle, where each is a friend of the fifty who stand nearest. */
export const member = (at: number): User => user(`member ${at}`)
export const asker = (pair: number): User => user(`asker ${pair}`)
export const asked = (pair: number): User => user(`asked ${pair}`)

/** The world in which several instances are measured. */
export function worldOf(members: number): World {
  const circleOf = Array.from({ length: members }, (_, at) => member(at))
  const pairs = Array.from({ length: PAIRS }, (_, pair) => [asker(pair), asked(pair)])
  const addresses = circleOf.map(({ address }) => address)
  return {
    everybody: [...circleOf, ...pairs.flat()],
    friendships: circle(addresses, 1, FRIENDS_OF_EACH / 2),
    requests: []
  }
}
