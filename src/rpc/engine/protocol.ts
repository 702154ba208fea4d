import {
  CreatePortResponse,
  DestroyPort,
  RemoteError,
  Request,
  RequestModule,
  RequestModuleResponse,
  Response,
  RpcMessageHeader,
  RpcMessageTypes,
  StreamMessage
} from '../generated/frames.ts'

/** What a client may send. `number` is the client's own number of the message, which its answer carries too. */
export type ClientFrame =
  | { readonly kind: 'create-port'; readonly number: number }
  | { readonly kind: 'request-module'; readonly number: number; readonly portId: number; readonly name: string }
  | RequestFrame
  | { readonly kind: 'stream-ack'; readonly number: number; readonly sequence: number }
  | { readonly kind: 'stream-close'; readonly number: number }
  | { readonly kind: 'destroy-port'; readonly portId: number }

export interface RequestFrame {
  readonly kind: 'request'
  readonly number: number
  readonly portId: number
  readonly procedureId: number
  /** The number of the stream that the client wants to send, 0 for none. */
  readonly clientStream: number
  /** A view of the frame, not a copy. */
  readonly payload: Uint8Array
}

/** A frame that no client of this protocol sends. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

// An identifier holds the type of a message in its bits 27 to 30 and its number in the lower ones. The parser of
// @dcl/rpc masks bit 31 away, so that two identifiers would name the same message; here it makes the type unknown.
const TYPE_SHIFT = 27
const NUMBER_MASK = 0x07ff_ffff

/**
 * Decodes one frame.
 * @throws ProtocolError when it is empty, truncated, nested too deep, or of a kind that only servers send
 */
export function decodeFrame(bytes: Uint8Array): ClientFrame {
  try {
    return decode(bytes)
  } catch (error) {
    throw error instanceof ProtocolError ? error : new ProtocolError('Malformed frame', { cause: error })
  }
}

function decode(bytes: Uint8Array): ClientFrame {
  const { messageIdentifier } = RpcMessageHeader.decode(bytes)
  const type = messageIdentifier >>> TYPE_SHIFT
  const number = messageIdentifier & NUMBER_MASK
  switch (type) {
    case RpcMessageTypes.RpcMessageTypes_REQUEST: {
      const { portId, procedureId, clientStream, payload } = Request.decode(bytes)
      return { kind: 'request', number, portId, procedureId, clientStream, payload }
    }
    case RpcMessageTypes.RpcMessageTypes_STREAM_ACK:
    case RpcMessageTypes.RpcMessageTypes_STREAM_MESSAGE:
      return decodeStreamSignal(bytes, number)
    case RpcMessageTypes.RpcMessageTypes_CREATE_PORT:
      return { kind: 'create-port', number }
    case RpcMessageTypes.RpcMessageTypes_REQUEST_MODULE: {
      const { portId, moduleName } = RequestModule.decode(bytes)
      return { kind: 'request-module', number, portId, name: moduleName }
    }
    case RpcMessageTypes.RpcMessageTypes_DESTROY_PORT:
      return { kind: 'destroy-port', portId: DestroyPort.decode(bytes).portId }
    default:
      throw new ProtocolError('Not a message of a client')
  }
}

/** A client closes a stream with a stream message: it has no other use for one, as client streams are not served. */
function decodeStreamSignal(bytes: Uint8Array, number: number): ClientFrame {
  const { closed, ack, sequenceId } = StreamMessage.decode(bytes)
  if (closed) return { kind: 'stream-close', number }
  if (ack) return { kind: 'stream-ack', number, sequence: sequenceId }
  throw new ProtocolError('An element of a stream that was never opened')
}

function identifier(type: RpcMessageTypes, number: number): number {
  return (type << TYPE_SHIFT) | number
}

const NO_BYTES = new Uint8Array(0)

/** Bytes of a frame beside the answer or the element in it, at most. */
export const FRAME_OVERHEAD = 32

/** The first message on every socket. The Rust client sends nothing before it. */
export const SERVER_READY: Uint8Array = RpcMessageHeader.encode({
  messageIdentifier: identifier(RpcMessageTypes.RpcMessageTypes_SERVER_READY, 0)
}).finish()

export function encodePortCreated(number: number, portId: number): Uint8Array {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_CREATE_PORT_RESPONSE, number)
  return CreatePortResponse.encode({ messageIdentifier, portId }).finish()
}

/** @param table the procedures of the module, of {@link encodeModuleTable} */
export function encodeModule(number: number, portId: number, table: Uint8Array): Uint8Array {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_REQUEST_MODULE_RESPONSE, number)
  // The fields of a message may come in parts, one encoded after the other.
  return Buffer.concat([RequestModuleResponse.encode({ messageIdentifier, portId, procedures: [] }).finish(), table])
}

/** @param procedures the names of the module's procedures, of which the first has the id `firstId` */
export function encodeModuleTable(firstId: number, procedures: Iterable<string>): Uint8Array {
  const listed = Array.from(procedures, (procedureName, index) => ({ procedureId: firstId + index, procedureName }))
  return RequestModuleResponse.encode({ messageIdentifier: 0, portId: 0, procedures: listed }).finish()
}

export function encodeResponse(number: number, payload: Uint8Array): Uint8Array {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_RESPONSE, number)
  return Response.encode({ messageIdentifier, payload }).finish()
}

/** @param code the HTTP status that says the same, as the servers of the protocol use it */
export function encodeRemoteError(number: number, code: number, message: string): Uint8Array {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_REMOTE_ERROR_RESPONSE, number)
  return RemoteError.encode({ messageIdentifier, errorCode: code, errorMessage: message }).finish()
}

/** The offer of a stream, which the client acknowledges to get the first element. */
export function encodeStreamOffer(number: number, portId: number): Uint8Array {
  return encodeStreamMessage(number, { sequenceId: 0, portId, payload: NO_BYTES, closed: false })
}

/** @param sequence 1 for the first element */
export function encodeStreamElement(number: number, sequence: number, portId: number, payload: Uint8Array): Uint8Array {
  return encodeStreamMessage(number, { sequenceId: sequence, portId, payload, closed: false })
}

/** @param sequence that of the last element */
export function encodeStreamEnd(number: number, sequence: number, portId: number): Uint8Array {
  return encodeStreamMessage(number, { sequenceId: sequence, portId, payload: NO_BYTES, closed: true })
}

function encodeStreamMessage(number: number, message: Omit<StreamMessage, 'messageIdentifier' | 'ack'>): Uint8Array {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_STREAM_MESSAGE, number)
  return StreamMessage.encode({ ...message, messageIdentifier, ack: false }).finish()
}
