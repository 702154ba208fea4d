import protobuf from 'protobufjs/minimal.js'
import { MAX_POSITION_TEXT, type WorldPosition } from '../../cluster/messages.ts'
import { SocialError } from '../../domain/errors.ts'
import { Payload, UsersResponse } from '../generated/social-service-v1.ts'
import { errorCase, errorCaseWithoutBadRequest, withEncodedAnswer } from './codec.ts'

/** The answer to a call that is refused. */
type Refusal = { readonly error: SocialError }

interface PositionPayload {
  readonly position: WorldPosition | undefined
  readonly authToken: Payload | undefined
}

/** The additions of ADR-246 to the service of v1, which are in no published definition. */
export const PRESENCE_METHODS = {
  positionHeartbeat: {
    name: 'PositionHeartbeat',
    requestType: { decode: decodePositionPayload },
    responseType: { encode: encodePositionResponse }
  },
  getOnlineFriends: withEncodedAnswer({ name: 'GetOnlineFriends', requestType: Payload, responseType: UsersResponse }),
  subscribeFriendshipPresenceUpdates: {
    name: 'SubscribeFriendshipPresenceUpdates',
    requestType: Payload,
    responseType: { encode: encodePresenceUpdates }
  }
}

/** `Position`: field number of each of its parts, all of which are optional strings. */
const POSITION = { realm: 1, x: 2, y: 3 } as const
const PARTS = Object.entries(POSITION) as [keyof WorldPosition, number][]
/** The error cases of both responses, by their field number. */
const ERRORS = {
  internalServerError: 2,
  unauthorizedError: 3,
  forbiddenError: 4,
  tooManyRequestsError: 5,
  badRequestError: 6
}

/** The position that a user reports. @throws SocialError `invalid_request` when there is none, or it is too long */
export function positionOf(position: WorldPosition | undefined): WorldPosition {
  if (!position) throw new SocialError('invalid_request', '`position` was not provided')
  if (PARTS.some(([part]) => (position[part]?.length ?? 0) > MAX_POSITION_TEXT)) {
    throw new SocialError('invalid_request', `A part of a position has at most ${MAX_POSITION_TEXT} characters`)
  }
  return position
}

/** `PositionPayload { optional Position position = 1; optional Payload auth_token = 2 }` */
function decodePositionPayload(bytes: Uint8Array): PositionPayload {
  const reader = protobuf.Reader.create(bytes)
  const payload: { position?: WorldPosition; authToken?: Payload } = {}
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === tagOf(1)) payload.position = decodePosition(reader, reader.uint32())
    else if (tag === tagOf(2)) payload.authToken = Payload.decode(reader, reader.uint32())
    else reader.skipType(tag & 7)
  }
  return { position: payload.position, authToken: payload.authToken }
}

function decodePosition(reader: protobuf.Reader, length: number): WorldPosition {
  const position: Partial<Record<keyof WorldPosition, string>> = {}
  const end = reader.pos + length
  while (reader.pos < end) {
    const tag = reader.uint32()
    const [part] = PARTS.find(([, field]) => tag === tagOf(field)) ?? []
    if (part) position[part] = reader.string()
    else reader.skipType(tag & 7)
  }
  return position
}

/** `PositionResponse { oneof response { Position position = 1; and the errors } }` */
function encodePositionResponse(response: { readonly position: WorldPosition } | Refusal): protobuf.Writer {
  const writer = protobuf.Writer.create()
  if ('error' in response) return encodeError(writer, ERRORS[errorCase(response.error).response.$case], response.error)
  return encodePosition(writer, response.position)
}

/** `{ oneof response { Positions updates = 1; and the errors } }`, where `Positions { repeated Position positions = 1 }` */
function encodePresenceUpdates(response: { readonly updates: readonly WorldPosition[] } | Refusal): protobuf.Writer {
  const writer = protobuf.Writer.create()
  if ('error' in response) {
    const { $case } = errorCaseWithoutBadRequest(response.error).response
    return encodeError(writer, ERRORS[$case], response.error)
  }
  writer.uint32(tagOf(1)).fork()
  for (const position of response.updates) encodePosition(writer, position)
  return writer.ldelim()
}

/** As field 1 of what is around it, in both responses. */
function encodePosition(writer: protobuf.Writer, position: WorldPosition): protobuf.Writer {
  writer.uint32(tagOf(1)).fork()
  for (const [part, field] of PARTS) {
    const text = position[part]
    if (text !== undefined) writer.uint32(tagOf(field)).string(text)
  }
  return writer.ldelim()
}

/** Every error is `{ string message = 1 }`. */
function encodeError(writer: protobuf.Writer, field: number, { message }: SocialError): protobuf.Writer {
  return writer.uint32(tagOf(field)).fork().uint32(tagOf(1)).string(message).ldelim()
}

/** The tag of a field that has a length: a string or a message. */
function tagOf(field: number): number {
  return (field << 3) | 2
}
