import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { decide } from '../../src/domain/friendship.ts'
import type { Database } from '../../src/storage/db/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { FriendLists } from '../../src/storage/friend-lists.ts'
import { FriendshipStore } from '../../src/storage/friendships.ts'
import { SavedPositionStore } from '../../src/storage/saved-positions.ts'
import { SessionStore } from '../../src/storage/sessions.ts'
import { bareDatabase, connectBare } from '../bare-database.ts'
import type { Job, Measurement } from '../job.ts'
import { tokenHashOf } from '../users.ts'
import { COUPLES, crowd, crowdSize, listener, MISSED, spouse } from '../world.ts'
import { cycle, type Lane, lanes, measure, timed } from './lane.ts'
import { befriendings, MESSAGE } from './steps.ts'

/*
 * What a service that costs nothing would reach: the same statements through the same driver, on as many connections,
 * from a process that does nothing else.
 */

const WHOLE = { limit: 2000, offset: 0 }
const LIMITS = { friends: 2000, outgoing: 500, incoming: 1_000_000 }
const HOUR_MS = 3_600_000
const SAMPLE = 1_000

type RawJob = Pick<Job, 'urls' | 'size' | 'seconds' | 'watched'>

async function raw({ urls, size, seconds, watched }: RawJob, make: (db: Database, lane: number) => Lane) {
  const all = await lanes(size.connections, async lane => make(bareDatabase(await connectBare(urls.database)), lane))
  return measure(all, seconds, { ...watched, server: process.pid })
}

export function updates(job: Job): Promise<Measurement> {
  return raw(job, (db, lane) => {
    const store = new FriendshipStore(db, LIMITS)
    const next = cycle(befriendings('raw-updates', lane))
    return timed(async () => {
      const { actor, target, action } = next()
      const message = action === 'request' ? MESSAGE : null
      const intent = { actor: actor.address, target: target.address, action, message }
      const pair = await store.read(intent.actor, intent.target)
      const decision = decide(pair, intent, Date.now())
      if (decision.kind === 'unchanged') throw new Error('Nothing was to be done')
      await store.swap(intent, pair, decision.next, decision.counts)
    })
  })
}

export function friends(job: Job): Promise<Measurement> {
  const owners = Array.from({ length: SAMPLE }, (_, at) => crowd(at % crowdSize(job.size)).address)
  return raw(job, db => {
    const lists = new FriendLists(db)
    const next = cycle(owners)
    return timed(() => lists.friends(next(), WHOLE))
  })
}

export function mutualFriends(job: Job): Promise<Measurement> {
  const couples = Array.from({ length: COUPLES.count }, (_, at) => {
    return [spouse(COUPLES, at, 'left'), spouse(COUPLES, at, 'right')] as const
  })
  return raw(job, db => {
    const lists = new FriendLists(db)
    const next = cycle(couples)
    return timed(() => {
      const [left, right] = next()
      return lists.mutualFriends(left.address, right.address, WHOLE)
    })
  })
}

export function logins(job: Job): Promise<Measurement> {
  const owners = Array.from({ length: SAMPLE }, (_, at) => crowd(at % crowdSize(job.size)).address)
  return raw(job, db => {
    const store = new SessionStore(db, 50)
    const next = cycle(owners)
    return timed(() => {
      const now = Date.now()
      const proof = { id: createHash('sha256').update(randomBytes(32)).digest(), expiresAt: now + HOUR_MS }
      const session = { tokenHash: randomBytes(32), deviceId: 'bench', createdAt: now, expiresAt: now + HOUR_MS }
      return store.start({ ...session, address: next() }, proof)
    })
  })
}

export function tokenChecks(job: Job): Promise<Measurement> {
  const hashes = Array.from({ length: SAMPLE }, (_, at) => tokenHashOf(listener(at % job.size.sockets)))
  return raw(job, db => {
    const store = new SessionStore(db, 50)
    const next = cycle(hashes)
    return timed(() => store.find(next(), Date.now()))
  })
}

/** Devices that come back to the same place again and again, and find there what they missed: see `bench/retention.ts`. */
export function resumes(job: Job): Promise<Measurement> {
  return raw(job, (db, lane) => {
    const log = new EventLog(db)
    const positions = new SavedPositionStore(db)
    const devices = Array.from({ length: MISSED.users / job.size.connections }, (_, at) => ({
      address: crowd(lane + at * job.size.connections).address,
      device: createHash('sha256').update(`${lane} ${at}`).digest(),
      owner: randomUUID()
    }))
    const next = cycle(devices)
    const instance = randomUUID()
    let start: number | null = null
    return timed(async () => {
      start ??= (await log.latest()) - MISSED.users * MISSED.ofEach
      const { address, device, owner } = next()
      const last = await positions.claim({ device, owner, instance, start, windowMs: HOUR_MS })
      const events = await log.afterForTarget(address, start, 1_000)
      if (events.length < MISSED.ofEach) throw new Error('A device has missed less than it should have')
      await positions.save([{ device, owner, floor: last?.floor ?? start, acked: [], isLost: true }])
    })
  })
}
