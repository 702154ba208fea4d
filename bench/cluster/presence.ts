import { setTimeout as wait } from 'node:timers/promises'
import { Payload } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import protobuf from 'protobufjs/minimal.js'
import { expectCase } from '../load/answers.ts'
import { request } from '../load/frames.ts'
import { authToken, type Connected } from '../load/v1.ts'
import { verdict, whole } from '../markdown.ts'
import type { User } from '../users.ts'
import { listen, STREAM_ELEMENT } from './device.ts'
import type { ClusterJob, Line } from './job.ts'
import { FRIENDS_OF_EACH, member } from './population.ts'
import { openSockets } from './sockets.ts'
import { sum } from './statistics.ts'
import { Meter } from './usage.ts'

/** Each user says where they are so often, in seconds (ADR-246). */
const HEARTBEAT_S = 30
const TARGET_CORES = 0.5
/** What must have arrived of all that was to be sent: some is still to come when the measurement ends. */
const RECEIVED_PART = 0.95
const TICK_MS = 5

/** Everybody goes from one place to the other with every heartbeat: texts of one length, so that elements can be counted. */
const PLACES = [
  { realm: 'hephaestus', x: '-012', y: '0034' },
  { realm: 'hephaestus', x: '0056', y: '-078' }
]
const POSITION_BYTES = encodePosition(PLACES[0]!).length + 2

/** Users who say where they are, and who receive where their friends are; every other one on the same instance. */
export async function presence(job: ClusterJob): Promise<Line[]> {
  const { clients: count, seconds, watched } = job
  const received = { messages: 0, positions: 0 }
  const { line, clients: connected } = await openSockets(
    job,
    'memory of one that is subscribed to presence too',
    async (it, user) => {
      await listen(it, 'updates', user, () => undefined)
      await listen(it, 'presence', user, payload => {
        expectCase(payload, STREAM_ELEMENT)
        received.messages += 1
        received.positions += Math.floor(payload.length / POSITION_BYTES)
      })
    }
  )
  const clients = connected.map((client, at) => new HeartbeatClient(client, member(at))).sort(inNoOrder)
  const schedule = new HeartbeatSchedule(clients, count / HEARTBEAT_S)
  // Everybody has to have been somewhere before it can be another place.
  await schedule.beatFor(HEARTBEAT_S + 5)
  const before = { ...received }
  const meter = new Meter(watched)
  const beats = await schedule.beatFor(Math.max(seconds, HEARTBEAT_S))
  const usage = meter.read()

  const positions = received.positions - before.positions
  if (positions < RECEIVED_PART * beats * FRIENDS_OF_EACH) {
    throw new Error(`Of ${beats} heartbeats only ${positions} positions arrived`)
  }
  const perSecond = (value: number): string => `${whole(value / usage.seconds)}/s`
  const cores = sum(usage.instances)
  return [
    {
      work: `presence of ${whole(count)} users with ${FRIENDS_OF_EACH} friends each`,
      measured: `${cores.toFixed(2)} cores for ${perSecond(beats)} heartbeats, ${perSecond(positions)} positions told in ${perSecond(received.messages - before.messages)} messages`,
      target: verdict(cores <= TARGET_CORES, `≤ ${TARGET_CORES} cores in all instances`),
      usage
    },
    line
  ]
}

/** Beats of one after the other, at a steady pace. */
class HeartbeatSchedule {
  readonly #clients: readonly HeartbeatClient[]
  readonly #rate: number
  #next = 0

  constructor(clients: readonly HeartbeatClient[], rate: number) {
    this.#clients = clients
    this.#rate = rate
  }

  /** @returns the number of beats */
  async beatFor(seconds: number): Promise<number> {
    const from = performance.now()
    const beats: Promise<void>[] = []
    while (performance.now() - from < seconds * 1000) {
      const due = ((performance.now() - from) / 1000) * this.#rate
      while (beats.length < due) beats.push(this.#clients[this.#next++ % this.#clients.length]!.beat())
      await wait(TICK_MS)
    }
    await Promise.all(beats)
    return beats.length
  }
}

/** Friends stand side by side, and do not all move at the same moment. */
function inNoOrder(one: HeartbeatClient, other: HeartbeatClient): number {
  return one.token < other.token ? -1 : 1
}

class HeartbeatClient {
  readonly token: string
  readonly #socket: Connected['socket']
  readonly #requests: readonly Buffer[]
  #beats = 0

  constructor({ socket, procedures }: Connected, user: User) {
    this.token = user.token
    this.#socket = socket
    const id = procedures.get('PositionHeartbeat')!
    this.#requests = PLACES.map(place => request(id, heartbeatPayload(place, user)))
  }

  async beat(): Promise<void> {
    const answer = await this.#socket.call(this.#requests[this.#beats++ % PLACES.length]!)
    // The position comes back, as field 1.
    expectCase(answer, STREAM_ELEMENT)
  }
}

/** `PositionPayload { optional Position position = 1; optional Payload auth_token = 2 }` of ADR-246. */
function heartbeatPayload(place: (typeof PLACES)[number], user: User): Uint8Array {
  const writer = protobuf.Writer.create()
  writer.uint32(tagOf(1)).bytes(encodePosition(place))
  return writer
    .uint32(tagOf(2))
    .bytes(Payload.encode(authToken(user)).finish())
    .finish()
}

/** `Position { optional string realm = 1; optional string x = 2; optional string y = 3 }` */
function encodePosition({ realm, x, y }: (typeof PLACES)[number]): Uint8Array {
  return protobuf.Writer.create()
    .uint32(tagOf(1))
    .string(realm)
    .uint32(tagOf(2))
    .string(x)
    .uint32(tagOf(3))
    .string(y)
    .finish()
}

/** The tag of a field that has a length. */
function tagOf(field: number): number {
  return (field << 3) | 2
}
