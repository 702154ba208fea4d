import {
  MutualFriendsPayload,
  Payload,
  SubscribeFriendshipEventsUpdatesResponse,
  UpdateFriendshipPayload,
  UpdateFriendshipResponse,
  UsersResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import type { Job, Measurement } from '../job.ts'
import type { User } from '../users.ts'
import { COUPLES, type Couples, crowd, crowdSize, FRIENDS_OF_EACH, listener, POPULAR, spouse } from '../world.ts'
import { caseOf, expectCase, UserLists } from './answers.ts'
import { request, SUBSCRIPTION } from './frames.ts'
import { cycle, type Lane, lanes, measure, timed } from './lane.ts'
import { type Procedures, RpcSocket } from './rpc-socket.ts'
import { befriendings, bodyOf, type Step } from './steps.ts'

/** Users whose lists one lane asks for. */
const LISTS_OF_LANE = 50

const UPDATED = caseOf(UpdateFriendshipResponse.encode({ response: { $case: 'event', event: {} } }))

/** What a call carries to say who calls. */
export const authToken = ({ token }: Pick<User, 'token'>): Payload => ({ synapseToken: token })

/** A client that has loaded the service. */
export interface Connected {
  readonly socket: RpcSocket
  readonly procedures: Procedures
}

export async function connect(url: string): Promise<Connected> {
  const socket = await RpcSocket.open(url)
  return { socket, procedures: await socket.load('FriendshipsService') }
}

/** Updates of friendships, each acknowledged before the next. */
export async function updates({ urls, size, firstLane, seconds, watched }: Job): Promise<Measurement> {
  return measure(await updateLanes(urls.rpc, size.connections, firstLane), seconds, watched)
}

/** @param first the number of the first lane: each has users of its own */
export function updateLanes(url: string, count: number, first = 0): Promise<Lane[]> {
  return lanes(count, async lane => {
    const { socket, procedures } = await connect(url)
    const id = procedures.get('UpdateFriendshipEvent')!
    const next = cycle(befriendings('v1-updates', first + lane).map(step => request(id, updatePayload(step))))
    return timed(() => update(socket, next()))
  })
}

/** @param request with an {@link updatePayload} */
export async function update(socket: RpcSocket, request: Buffer): Promise<void> {
  expectCase(await socket.call(request), UPDATED)
}

export function updatePayload(step: Step): Uint8Array {
  return UpdateFriendshipPayload.encode({ event: { body: bodyOf(step) }, authToken: authToken(step.actor) }).finish()
}

/** Lists of a hundred friends, in the pages in which they are streamed. */
export async function friends({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const all = await lanes(size.connections, async lane => {
    const owners = Array.from({ length: LISTS_OF_LANE }, (_, at) =>
      crowd((lane * LISTS_OF_LANE + at) % crowdSize(size))
    )
    const payloads = owners.map(owner => Payload.encode(authToken(owner)).finish())
    return listing(urls.rpc, 'GetFriends', payloads, FRIENDS_OF_EACH)
  })
  return measure(all, seconds, watched)
}

/** Lists of those who have as many friends as a user may have. */
export async function popularFriends({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const payloads = Array.from({ length: POPULAR.count }, (_, couple) =>
    Payload.encode(authToken(spouse(POPULAR, couple, 'left'))).finish()
  )
  const all = await lanes(size.connections, () => listing(urls.rpc, 'GetFriends', payloads, 2 * POPULAR.common))
  return measure(all, seconds, watched)
}

/** Friends that two users with five hundred each have in common. */
export function mutualFriends(job: Job): Promise<Measurement> {
  return mutualFriendsOf(COUPLES, job)
}

/** Friends that two of those have in common who have as many as a user may have. */
export function popularMutualFriends(job: Job): Promise<Measurement> {
  return mutualFriendsOf(POPULAR, job)
}

async function mutualFriendsOf(couples: Couples, { urls, size, seconds, watched }: Job): Promise<Measurement> {
  const payloads = Array.from({ length: couples.count }, (_, couple) => {
    const { address } = spouse(couples, couple, 'right')
    const viewer = authToken(spouse(couples, couple, 'left'))
    return MutualFriendsPayload.encode({ user: { address }, authToken: viewer }).finish()
  })
  const all = await lanes(size.connections, () => listing(urls.rpc, 'GetMutualFriends', payloads, couples.common))
  return measure(all, seconds, watched)
}

async function listing(url: string, procedure: string, payloads: readonly Uint8Array[], length: number) {
  const { socket, procedures } = await connect(url)
  const id = procedures.get(procedure)!
  const next = cycle(payloads.map(payload => request(id, payload)))
  const lists = new UserLists(length, answer => {
    const { response } = UsersResponse.decode(answer)
    return response?.$case === 'users' ? response.users.users.length : 0
  })
  return timed(async () => lists.check(await socket.collect(next())))
}

/** Connects and subscribes, as a user who was not here before. @returns the open socket */
export async function subscribe(url: string, user: User): Promise<RpcSocket> {
  const { socket, procedures } = await connect(url)
  const payload = Payload.encode(authToken(user)).finish()
  const subscription = request(procedures.get('SubscribeFriendshipEventsUpdates')!, payload, SUBSCRIPTION)
  await socket.subscribe(subscription, SUBSCRIPTION, update => {
    throw new Error(`An unexpected update: ${JSON.stringify(SubscribeFriendshipEventsUpdatesResponse.decode(update))}`)
  })
  return socket
}

/** Clients that connect, load the service, subscribe, and go. */
export async function arrivals({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  let arrived = 0
  const all = await lanes(size.connections, async () => async () => {
    if (arrived === size.sockets) return null
    const from = performance.now()
    const socket = await subscribe(urls.rpc, listener(arrived++))
    const duration = performance.now() - from
    socket.end()
    return duration
  })
  return measure(all, seconds, watched)
}
