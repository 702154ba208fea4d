import { CreatePort, Request, RequestModule, RpcMessageTypes, StreamMessage } from '@dcl/rpc/dist/protocol/index.js'
import { clientFrame } from './wire-socket.ts'

/*
 * Every frame of a client is made once, ready to be written to the socket: a client has one call open at a time, so
 * that all its calls can have the same number, and each of its subscriptions has one of its own.
 */

export const CALL = 3
export const SUBSCRIPTION = 4
export const SECOND_SUBSCRIPTION = 5

const TYPE_SHIFT = 27
const NUMBER_MASK = 0x07ff_ffff
/** The first port of a connection. */
const PORT = 1
/** Elements of one stream whose acknowledgements are made beforehand. */
const ELEMENTS = 1000

const identifier = (type: RpcMessageTypes, number: number): number => (type << TYPE_SHIFT) | number

/** The type and the number of a frame of the server. */
export function headOf(frame: Buffer): { type: RpcMessageTypes; number: number } {
  // Every message starts with the tag and the four bytes of its identifier.
  const whole = frame.readUInt32LE(1)
  return { type: whole >>> TYPE_SHIFT, number: whole & NUMBER_MASK }
}

export const CREATE_PORT = clientFrame(
  CreatePort.encode({
    messageIdentifier: identifier(RpcMessageTypes.RpcMessageTypes_CREATE_PORT, 1),
    portName: 'social'
  }).finish()
)

export function loadModule(moduleName: string): Buffer {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_REQUEST_MODULE, 2)
  return clientFrame(RequestModule.encode({ messageIdentifier, portId: PORT, moduleName }).finish())
}

export function request(procedureId: number, payload: Uint8Array, number = CALL): Buffer {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_REQUEST, number)
  return clientFrame(
    Request.encode({ messageIdentifier, portId: PORT, procedureId, payload, clientStream: 0 }).finish()
  )
}

const acknowledgements = new Map(
  [CALL, SUBSCRIPTION, SECOND_SUBSCRIPTION].map(number => [number, acknowledgementsOf(number)])
)

/** @param sequence of the element, 0 for the offer of the stream */
export function acknowledgement(number: number, sequence: number): Buffer {
  return acknowledgements.get(number)?.[sequence] ?? acknowledge(number, sequence)
}

function acknowledgementsOf(number: number): Buffer[] {
  return Array.from({ length: ELEMENTS }, (_, sequence) => acknowledge(number, sequence))
}

function acknowledge(number: number, sequenceId: number): Buffer {
  const messageIdentifier = identifier(RpcMessageTypes.RpcMessageTypes_STREAM_ACK, number)
  const message = { messageIdentifier, portId: PORT, sequenceId, payload: new Uint8Array(0), closed: false, ack: true }
  return clientFrame(StreamMessage.encode(message).finish())
}
