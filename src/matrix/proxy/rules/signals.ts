import { z } from 'zod'
import type { RoomAccess } from './room-access.ts'
import { FORWARD, type Rule } from './rule.ts'

/** Anything else in the place of a reason must not keep anybody from leaving. */
const LEAVE = z.object({ reason: z.string().max(1000).optional().catch(undefined) })

/** Receipts that the homeserver shows to their user alone. */
const PRIVATE_RECEIPTS: ReadonlySet<string | undefined> = new Set(['m.read.private', 'm.fully_read'])

/**
 * What the others in a room notice of somebody who sends no message. In the room of two users it goes as far as a
 * message would; beyond that the call succeeds and shows nothing. It is not refused: clients do all this by themselves, and
 * would show an error, or try again, for something that their user never asked for.
 */
export class SignalRules {
  readonly #access: RoomAccess

  constructor(access: RoomAccess) {
    this.#access = access
  }

  /** `/rooms/{roomId}/leave`: always possible; the reason is text. */
  readonly leave: Rule = async call => {
    const { reason } = LEAVE.parse(call.body)
    const isShown = reason !== undefined && (await this.#mayWrite(call))
    return { kind: 'forward', body: isShown ? { reason } : {} }
  }

  /** `/rooms/{roomId}/typing/{userId}`: who may not be seen to write stops writing. */
  readonly typing: Rule = async call => {
    if (!call.body['typing'] || (await this.#mayWrite(call))) return FORWARD
    return { kind: 'forward', body: { typing: false } }
  }

  /** `/rooms/{roomId}/receipt/{receiptType}/{eventId}`: a private one counts the same for the user's own clients. */
  readonly receipt: Rule = async call => {
    const { roomId = '', receiptType, eventId = '' } = call.params
    if (PRIVATE_RECEIPTS.has(receiptType) || (await this.#mayWrite(call))) return FORWARD
    return { kind: 'forward', parts: ['rooms', roomId, 'receipt', 'm.read.private', eventId] }
  }

  /** `/rooms/{roomId}/read_markers`: as {@link receipt}. */
  readonly readMarkers: Rule = async call => {
    const { 'm.read': shown, 'm.read.private': hidden = shown, 'm.fully_read': marker } = call.body
    if (shown === undefined || (await this.#mayWrite(call))) return FORWARD
    return { kind: 'forward', body: { 'm.fully_read': marker, 'm.read.private': hidden } }
  }

  #mayWrite(call: Parameters<Rule>[0]): Promise<boolean> {
    return this.#access.mayWrite(call, call.params.roomId ?? '')
  }
}
