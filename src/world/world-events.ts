import { type Address, parseAddress } from '../domain/address.ts'
import type { NatsSubscription } from './nats-connection.ts'

/**
 * What the peers of the world say of a user, each on a subject of its own: `peer.<address>.<what>`. The ws-connector of
 * archipelago sends `heartbeat` while a user walks about, and `disconnect`; `connect` came before the first heartbeat
 * of older ones. The server of worlds (`….dcl.eth`), from which there are no heartbeats, sends `world.join` and `world.leave`.
 */
export const WORLD_EVENTS = ['heartbeat', 'connect', 'disconnect', 'world.join', 'world.leave'] as const
export type WorldEventKind = (typeof WORLD_EVENTS)[number]

export interface WorldEvent {
  readonly kind: WorldEventKind
  readonly user: Address
}

/** The subjects that bring them, for any user. */
export const subjectOf = (kind: WorldEventKind): string => `peer.*.${kind}`

/**
 * Who is meant is in the subject alone. The payload of a heartbeat (`Heartbeat` of `archipelago.proto`, a position) is
 * not read: that it came says all that presence needs.
 * @returns null when the subject names no address
 */
function worldEventOf(kind: WorldEventKind, subject: string): WorldEvent | null {
  const user = parseAddress(subject.split('.', 2)[1])
  return user && { kind, user }
}

/** A heartbeat has fewer than a hundred bytes, and the rest none; what is larger is of somebody else. */
const MAX_PAYLOAD_BYTES = 4096

export const IGNORED = ['malformed', 'too_large', 'full'] as const
/** Why a message of the world was not taken. */
type IgnoredBecause = (typeof IGNORED)[number]

interface WorldListener {
  readonly onEvent: (event: WorldEvent) => void
  readonly onIgnored: (reason: IgnoredBecause) => void
}

/** What to listen to for the events of the world. */
export function worldSubscriptions({ onEvent, onIgnored }: WorldListener): NatsSubscription[] {
  return WORLD_EVENTS.map(kind => ({
    subject: subjectOf(kind),
    receive: (subject, payload) => {
      const event = worldEventOf(kind, subject)
      if (payload.byteLength > MAX_PAYLOAD_BYTES) onIgnored('too_large')
      else if (event) onEvent(event)
      else onIgnored('malformed')
    }
  }))
}
