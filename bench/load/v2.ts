import {
  FriendshipUpdate,
  GetFriendsPayload,
  PaginatedFriendsProfilesResponse,
  UpsertFriendshipPayload,
  UpsertFriendshipResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { Empty } from '@dcl/protocol/out-js/google/protobuf/empty.gen.js'
import type { Job, Measurement } from '../job.ts'
import { handshakeMessage, type User, user } from '../users.ts'
import { crowd, FRIENDS_OF_EACH } from '../world.ts'
import { caseOf, expectCase, UserLists } from './answers.ts'
import { request, SUBSCRIPTION } from './frames.ts'
import { cycle, type Lane, lanes, measure, stock, timed } from './lane.ts'
import { type Procedures, RpcSocket } from './rpc-socket.ts'
import { askings, befriendings, bodyOf, type Step } from './steps.ts'

/** How the answer to an action begins. */
export const ACCEPTED = caseOf(
  UpsertFriendshipResponse.encode({
    response: { $case: 'accepted', accepted: { id: '1', createdAt: 1, friend: undefined } }
  })
)

interface Client {
  readonly socket: RpcSocket
  readonly procedures: Procedures
}

async function connect(url: string, as: User): Promise<Client> {
  const socket = await RpcSocket.open(url, handshakeMessage(as))
  return { socket, procedures: await socket.load('SocialService') }
}

/** Connects everybody who takes part in the steps. */
async function connectAll(url: string, users: Iterable<User>): Promise<Map<string, Client>> {
  const clients = new Map<string, Client>()
  for (const each of users) if (!clients.has(each.name)) clients.set(each.name, await connect(url, each))
  return clients
}

/** Clients that connect, are verified, and go. Each is another wallet, whose signatures were made beforehand. */
export async function handshakes({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const messages = stock(seconds, at => handshakeMessage(user(`visitor ${at}`)))
  const all = await lanes(size.connections, async () => async () => {
    const handshake = messages.pop()
    if (handshake === undefined) return null
    const from = performance.now()
    const socket = await RpcSocket.open(urls.rpc, handshake)
    const duration = performance.now() - from
    socket.end()
    return duration
  })
  return measure(all, seconds, watched)
}

/** Lists of a hundred friends, in one page. */
export async function friends({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const payload = GetFriendsPayload.encode({ pagination: { limit: FRIENDS_OF_EACH, offset: 0 } }).finish()
  const lists = new UserLists(FRIENDS_OF_EACH, answer => PaginatedFriendsProfilesResponse.decode(answer).friends.length)
  const all = await lanes(size.connections, async lane => {
    const { socket, procedures } = await connect(urls.rpc, crowd(lane))
    const list = request(procedures.get('GetFriends')!, payload)
    return timed(async () => lists.check([await socket.call(list)]))
  })
  return measure(all, seconds, watched)
}

/** Updates of friendships, each acknowledged before the next. */
export async function updates({ urls, size, firstLane = 0, seconds, watched }: Job): Promise<Measurement> {
  const all = await lanes(size.connections, async lane => {
    const steps = befriendings('v2-updates', firstLane + lane)
    const clients = await connectAll(
      urls.rpc,
      steps.map(({ actor }) => actor)
    )
    const next = cycle(steps.map(step => updater(step, clients.get(step.actor.name)!)))
    return timed(() => next()())
  })
  return measure(all, seconds, watched)
}

/** One update, ready to be sent as often as it is wanted. */
function updater(step: Step, { socket, procedures }: Client): () => Promise<void> {
  const payload = UpsertFriendshipPayload.encode({ action: bodyOf(step) }).finish()
  const upsert = request(procedures.get('UpsertFriendship')!, payload)
  return async () => expectCase(await socket.call(upsert), ACCEPTED)
}

/** Updates that a subscriber receives. What counts is the time between the acknowledgement and the push. */
export async function pushes({ urls, size, firstLane = 0, seconds, watched }: Job): Promise<Measurement> {
  const all = await lanes(size.connections, lane => pushing(urls.rpc, askings('v2-push', firstLane + lane)))
  return measure(all, seconds, watched)
}

async function pushing(url: string, steps: readonly Step[]): Promise<Lane> {
  const actors = await connectAll(
    url,
    steps.map(({ actor }) => actor)
  )
  const targets = await connectAll(
    url,
    steps.map(({ target }) => target)
  )
  let received = (_: number): void => {}
  for (const { socket, procedures } of targets.values()) {
    const subscription = request(
      procedures.get('SubscribeToFriendshipUpdates')!,
      Empty.encode({}).finish(),
      SUBSCRIPTION
    )
    await socket.subscribe(subscription, SUBSCRIPTION, update => {
      if (FriendshipUpdate.decode(update).update === undefined) throw new Error('An update of nothing')
      received(performance.now())
    })
  }
  const next = cycle(steps.map(step => updater(step, actors.get(step.actor.name)!)))
  return async () => {
    const push = new Promise<number>(resolve => {
      received = resolve
    })
    const acknowledged = next()().then(() => performance.now())
    // A push may come before the acknowledgement.
    return Math.max(0, (await push) - (await acknowledged))
  }
}
