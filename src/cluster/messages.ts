import { z } from 'zod'
import { type Address, parseAddress } from '../domain/address.ts'
import type { PairEvent, SessionsEnded } from '../domain/events.ts'
import { PAIR_ACTIONS, PAIR_STATUSES } from '../domain/friendship.ts'

/** Users in one message: who has more of them sends several. */
export const MAX_USERS = 500
/** Messages that make one snapshot. */
const MAX_PARTS = 20_000

/** Of which instance a message is, and after how many changes: so a loss is noticed. */
interface FromInstance {
  readonly instance: string
  /** How many changes the instance has sent. */
  readonly version: number
}

/** Users who came to an instance or left it: one more change. */
export interface PresenceChange extends FromInstance {
  readonly kind: 'presence-change'
  readonly online: readonly Address[]
  readonly offline: readonly Address[]
}

/** Everybody who is on an instance, in parts that follow directly upon each other. */
export interface PresenceSnapshot extends FromInstance {
  readonly kind: 'presence-snapshot'
  readonly part: number
  readonly parts: number
  readonly online: readonly Address[]
}

/** Says that an instance is alive. */
interface PresenceBeat extends FromInstance {
  readonly kind: 'presence-beat'
}

/** The last message of an instance that ends in good order. */
interface PresenceLeave {
  readonly kind: 'presence-leave'
  readonly instance: string
}

/** Asks an instance, or with null every one, for a snapshot of its users. */
interface PresenceSnapshotRequest {
  readonly kind: 'presence-snapshot-request'
  readonly of: string | null
}

/** Where a user is (ADR-246): as the client wrote it, each part of at most {@link MAX_POSITION_TEXT} characters. */
export interface WorldPosition {
  readonly realm?: string | undefined
  readonly x?: string | undefined
  readonly y?: string | undefined
}

/** Where users of an instance are, as each of them said `ageMs` milliseconds ago. */
export interface PositionsMessage {
  readonly kind: 'positions'
  readonly positions: readonly {
    readonly user: Address
    readonly ageMs: number
    readonly position: WorldPosition
  }[]
}

/** An event that is committed, and the number of the one before it of the same pair; 0 when there is none. */
interface PairMessage {
  readonly kind: 'pair-event'
  readonly event: PairEvent
  readonly after: number
}

/** What instances say to each other: what is in the log, before they come to read it, and what is not. */
export type ChannelMessage =
  | PairMessage
  | SessionsEnded
  | PresenceChange
  | PresenceSnapshot
  | PresenceBeat
  | PresenceLeave
  | PresenceSnapshotRequest
  | PositionsMessage

/** Characters of one part of a position. */
export const MAX_POSITION_TEXT = 256

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text)
  if (!parsed) context.addIssue('not an address')
  return parsed ?? z.NEVER
})
const users = z.array(address).max(MAX_USERS)
const positionText = z.string().max(MAX_POSITION_TEXT).optional()
const instance = z.string().min(1).max(100)
const from = { instance, version: z.int().nonnegative() }
const kind = <Kind extends string>(name: Kind) => ({ kind: z.literal(name) })

/** What another instance sent. */
export const channelMessage = z.discriminatedUnion('kind', [
  z.object({
    ...kind('pair-event'),
    after: z.int().nonnegative(),
    event: z.object({
      ...kind('pair'),
      seq: z.int().positive(),
      actor: address,
      target: address,
      action: z.enum(PAIR_ACTIONS),
      previous: z.enum(PAIR_STATUSES),
      previousActor: address.nullable(),
      message: z.string().nullable(),
      at: z.int().nonnegative()
    })
  }),
  z.object({
    ...kind('sessions-ended'),
    address,
    tokenHashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000)
  }),
  z.object({ ...kind('presence-change'), ...from, online: users, offline: users }),
  z.object({
    ...kind('presence-snapshot'),
    ...from,
    part: z.int().nonnegative(),
    parts: z.int().positive().max(MAX_PARTS),
    online: users
  }),
  z.object({ ...kind('presence-beat'), ...from }),
  z.object({ ...kind('presence-leave'), instance }),
  z.object({ ...kind('presence-snapshot-request'), of: instance.nullable() }),
  z.object({
    ...kind('positions'),
    positions: z
      .array(
        z.object({
          user: address,
          ageMs: z.number().nonnegative(),
          position: z.object({ realm: positionText, x: positionText, y: positionText })
        })
      )
      .max(MAX_USERS)
  })
]) satisfies z.ZodType<ChannelMessage>
