import { type User, user } from '../users.ts'
import { ACTORS, actor, circle, type World } from '../world.ts'

export const FRIENDS_OF_EACH = 50
/** Pairs of whom one acts upon the other. */
export const PAIRS = 500

/** Clients that update friendships in a closed loop, each with users of its own. */
export const CLIENTS = 20

/** One of many who stand in a circle, where each is a friend of the fifty who stand nearest. */
export const member = (at: number): User => user(`member ${at}`)
export const asker = (pair: number): User => user(`asker ${pair}`)
export const asked = (pair: number): User => user(`asked ${pair}`)

/** Everybody whom the clients of closed loops act for. */
const actors = (loops: number): User[] =>
  Array.from({ length: loops * CLIENTS * ACTORS }, (_, at) => {
    const [client, number] = [Math.floor(at / ACTORS), at % ACTORS]
    return (['asks', 'is asked'] as const).map(side => actor('v1-updates', client, side, number))
  }).flat()

/**
 * The world in which several instances are measured.
 * @param runs how often pairs act: each time others, so that none meets what another run has left
 */
export function worldOf(members: number, runs: number): World {
  const { everybody, ...friends } = circleOf(members, FRIENDS_OF_EACH)
  const pairs = Array.from({ length: runs * PAIRS }, (_, pair) => [asker(pair), asked(pair)])
  return { everybody: [...everybody, ...pairs.flat(), ...actors(runs)], ...friends }
}

/** Members alone. @param friends of each, half of them to each side */
export function circleOf(members: number, friends: number): World {
  const everybody = Array.from({ length: members }, (_, at) => member(at))
  const addresses = everybody.map(({ address }) => address)
  return { everybody, friendships: circle(addresses, 1, friends / 2), requests: [] }
}
