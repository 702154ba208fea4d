import { z } from 'zod'
import { type Address, parseAddress } from '../domain/address.ts'
import type { PairEvent, SessionsEnded } from '../domain/events.ts'
import { PAIR_ACTIONS, PAIR_STATUSES } from '../domain/friendship.ts'

/** Users in one message: who has more of them sends several. */
export const MAX_USERS = 500
/** Messages that make one snapshot. */
const MAX_PARTS = 20_000

/** Of which instance a message is. */
interface FromInstance {
  readonly instance: string
}

/** Says to all that an instance is alive. */
export interface PresenceBeat extends FromInstance {
  readonly kind: 'presence-beat'
  /** Users who are online there. */
  readonly users: number
  /** How often it has had to enter all of its users anew where others look them up; null while it is about to. */
  readonly entered: number | null
}

/** The last message of an instance that ends in good order. */
interface PresenceLeave extends FromInstance {
  readonly kind: 'presence-leave'
}

/** The other one's users whom an instance watches: who they are, and of these also where they are. */
export interface Watch {
  readonly watch: readonly Address[]
  readonly locate: readonly Address[]
}

/** What one instance says to one other, numbered so that a loss is noticed. */
export interface PresenceChange extends FromInstance, Watch {
  readonly kind: 'presence-change'
  readonly version: number
  /** The version of the message before this one, 0 for the first. */
  readonly after: number
  /** The last version of the other one that was heard before this was said. */
  readonly heard: number
  /** Users who came, of whom the other one may want to know. */
  readonly came: readonly Address[]
  /** Users whom the other one asked for, and who are there. */
  readonly online: readonly Address[]
  readonly offline: readonly Address[]
  /** Users whom the instance watches no more. */
  readonly unwatch: readonly Address[]
}

/** Says to one other which version was the last. */
interface PresenceVersion extends FromInstance {
  readonly kind: 'presence-version'
  readonly version: number
  readonly heard: number
}

/** Asks one other for everything, in parts that follow directly upon each other. */
export interface PresenceSnapshotRequest extends FromInstance, Watch {
  readonly kind: 'presence-snapshot-request'
  /** Of this request, higher than those before. */
  readonly version: number
  readonly part: number
  readonly parts: number
}

/** The answer: who is online of those whom the other one watches, and whom the instance watches itself. In parts, too. */
export interface PresenceSnapshot extends FromInstance, Watch {
  readonly kind: 'presence-snapshot'
  readonly version: number
  readonly part: number
  readonly parts: number
  readonly online: readonly Address[]
}

/** Where a user is (ADR-246): as the client wrote it, each part of at most {@link MAX_POSITION_TEXT} characters. */
export interface WorldPosition {
  readonly realm?: string | undefined
  readonly x?: string | undefined
  readonly y?: string | undefined
}

/** Where users of an instance are whom another one asked to be told of, as each of them said `ageMs` milliseconds ago. */
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
  | PresenceBeat
  | PresenceLeave
  | PresenceChange
  | PresenceVersion
  | PresenceSnapshotRequest
  | PresenceSnapshot
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
const version = z.int().nonnegative()
const from = { instance: z.string().min(1).max(100) }
const watch = { watch: users, locate: users }
const parts = { version, part: z.int().nonnegative(), parts: z.int().positive().max(MAX_PARTS) }
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
  z.object({ ...kind('presence-beat'), ...from, users: version, entered: version.nullable() }),
  z.object({ ...kind('presence-leave'), ...from }),
  z.object({
    ...kind('presence-change'),
    ...from,
    ...watch,
    version,
    after: version,
    heard: version,
    came: users,
    online: users,
    offline: users,
    unwatch: users
  }),
  z.object({ ...kind('presence-version'), ...from, version, heard: version }),
  z.object({ ...kind('presence-snapshot-request'), ...from, ...watch, ...parts }),
  z.object({ ...kind('presence-snapshot'), ...from, ...watch, ...parts, online: users }),
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
