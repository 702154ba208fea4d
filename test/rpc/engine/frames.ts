import {
  CreatePort,
  DestroyPort,
  Request,
  RequestModule,
  RpcMessageHeader,
  StreamMessage
} from '@dcl/rpc/dist/protocol/index.js'

/** The types of messages, as they stand in an identifier. */
export const TYPE = {
  REQUEST: 1,
  RESPONSE: 2,
  STREAM_MESSAGE: 3,
  STREAM_ACK: 4,
  CREATE_PORT: 5,
  CREATE_PORT_RESPONSE: 6,
  REQUEST_MODULE: 7,
  REQUEST_MODULE_RESPONSE: 8,
  REMOTE_ERROR: 9,
  DESTROY_PORT: 10,
  SERVER_READY: 11
} as const

const identifier = (type: number, number: number): number => ((type << 27) | number) >>> 0

export const header = (type: number, number = 0): Uint8Array =>
  RpcMessageHeader.encode({ messageIdentifier: identifier(type, number) }).finish()

export const createPort = (number: number, portName = 'social'): Uint8Array =>
  CreatePort.encode({ messageIdentifier: identifier(TYPE.CREATE_PORT, number), portName }).finish()

export const requestModule = (number: number, portId: number, moduleName = 'EchoService'): Uint8Array =>
  RequestModule.encode({ messageIdentifier: identifier(TYPE.REQUEST_MODULE, number), portId, moduleName }).finish()

export const destroyPort = (portId: number): Uint8Array =>
  DestroyPort.encode({ messageIdentifier: identifier(TYPE.DESTROY_PORT, 0), portId }).finish()

export function request(
  number: number,
  portId: number,
  procedureId: number,
  payload: Uint8Array = new Uint8Array(0),
  clientStream = 0
): Uint8Array {
  const messageIdentifier = identifier(TYPE.REQUEST, number)
  return Request.encode({ messageIdentifier, portId, procedureId, payload, clientStream }).finish()
}

const streamSignal = (
  type: number,
  number: number,
  portId: number,
  sequenceId: number,
  closed: boolean,
  ack: boolean
) =>
  StreamMessage.encode({
    messageIdentifier: identifier(type, number),
    portId,
    sequenceId,
    closed,
    ack,
    payload: new Uint8Array(0)
  }).finish()

export const ack = (number: number, portId: number, sequence: number): Uint8Array =>
  streamSignal(TYPE.STREAM_ACK, number, portId, sequence, false, true)

export const closeStream = (number: number, portId: number, sequence: number): Uint8Array =>
  streamSignal(TYPE.STREAM_MESSAGE, number, portId, sequence, true, false)

/** An element of a client stream. */
export const element = (number: number, portId: number, sequence: number): Uint8Array =>
  streamSignal(TYPE.STREAM_MESSAGE, number, portId, sequence, false, false)

/** A frame whose unknown field holds groups inside groups. */
export function nestedFrame(depth: number): Uint8Array {
  const start = Buffer.alloc(depth, 0x7b)
  const end = Buffer.alloc(depth, 0x7c)
  return Buffer.concat([createPort(1), start, end])
}
