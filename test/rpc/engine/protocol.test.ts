import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeFrame,
  encodeModule,
  encodeModuleTable,
  encodePortCreated,
  encodeRemoteError,
  encodeResponse,
  encodeStreamElement,
  encodeStreamEnd,
  encodeStreamOffer,
  ProtocolError,
  SERVER_READY
} from '../../../src/rpc/engine/protocol.ts'
import { parseFrame } from './clients.ts'
import {
  ack,
  closeStream,
  createPort,
  destroyPort,
  element,
  header,
  nestedFrame,
  request,
  requestModule,
  TYPE
} from './frames.ts'

const EVERY_KIND = [
  { bytes: createPort(7), frame: { kind: 'create-port', number: 7 } },
  { bytes: requestModule(8, 3, 'M'), frame: { kind: 'request-module', number: 8, portId: 3, name: 'M' } },
  {
    bytes: request(9, 3, 4, Buffer.from('payload'), 5),
    frame: { kind: 'request', number: 9, portId: 3, procedureId: 4, clientStream: 5, payload: Buffer.from('payload') }
  },
  { bytes: ack(9, 3, 2), frame: { kind: 'stream-ack', number: 9, sequence: 2 } },
  { bytes: closeStream(9, 3, 2), frame: { kind: 'stream-close', number: 9 } },
  { bytes: destroyPort(3), frame: { kind: 'destroy-port', portId: 3 } }
]

describe('a frame of a client', () => {
  it.each(EVERY_KIND)('is decoded: $frame.kind', ({ bytes, frame }) => {
    expect(decodeFrame(Buffer.from(bytes))).toEqual(frame)
  })

  it('may have the highest message number', () => {
    expect(decodeFrame(createPort(0x07ff_ffff))).toEqual({ kind: 'create-port', number: 0x07ff_ffff })
  })

  it('that is cut off anywhere is another whole frame or an error, and never a crash', () => {
    for (const { bytes } of EVERY_KIND) {
      for (let length = 0; length < bytes.length; length++) decodesOrRefuses(Buffer.from(bytes.subarray(0, length)))
    }
    expect(() => decodeFrame(Buffer.from(request(1, 2, 3, Buffer.alloc(9)).subarray(0, -1)))).toThrow(ProtocolError)
  })

  it('of any bytes is decoded or refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrRefuses), { numRuns: 2000 })
    const afterIdentifier = fc.tuple(fc.constantFrom(...EVERY_KIND), fc.uint8Array({ maxLength: 60 }))
    fc.assert(fc.property(afterIdentifier, ([{ bytes }, rest]) => decodesOrRefuses(Buffer.concat([bytes, rest]))))
  })

  it('is refused when it is empty, of no kind, or of a kind that only servers send', () => {
    const wrong = [TYPE.RESPONSE, TYPE.CREATE_PORT_RESPONSE, TYPE.REQUEST_MODULE_RESPONSE, TYPE.REMOTE_ERROR]
    for (const type of [0, ...wrong, TYPE.SERVER_READY, 12, 15]) {
      expect(() => decodeFrame(header(type, 1))).toThrow(ProtocolError)
    }
    expect(() => decodeFrame(new Uint8Array(0))).toThrow(ProtocolError)
    expect(() => decodeFrame(element(1, 1, 1))).toThrow(ProtocolError)
  })

  it('is refused when the unused highest bit of its identifier is set', () => {
    expect(() => decodeFrame(header(TYPE.CREATE_PORT + 16, 1))).toThrow(ProtocolError)
  })

  it('is refused when it is nested 10,000 deep', () => {
    expect(() => decodeFrame(nestedFrame(10_000))).toThrow(ProtocolError)
  })
})

it('what the server sends is what the published codecs read', () => {
  const number = 0x07ff_ffff
  expect(parseFrame(SERVER_READY)).toMatchObject({ type: TYPE.SERVER_READY, number: 0 })
  expect(parseFrame(encodePortCreated(number, 5))).toMatchObject({
    type: TYPE.CREATE_PORT_RESPONSE,
    number,
    message: { portId: 5 }
  })
  expect(parseFrame(encodeModule(number, 5, encodeModuleTable(3, ['A', 'B']))).message).toMatchObject({
    portId: 5,
    procedures: [
      { procedureId: 3, procedureName: 'A' },
      { procedureId: 4, procedureName: 'B' }
    ]
  })
  const payload = Buffer.from([1, 2, 3])
  expect(parseFrame(encodeResponse(number, payload))).toMatchObject({
    type: TYPE.RESPONSE,
    number,
    message: { payload }
  })
  expect(parseFrame(encodeRemoteError(number, 404, 'Gone'))).toMatchObject({
    type: TYPE.REMOTE_ERROR,
    number,
    message: { errorCode: 404, errorMessage: 'Gone' }
  })
  const stream = { closed: false, ack: false, portId: 5 }
  expect(parseFrame(encodeStreamOffer(number, 5)).message).toMatchObject({ ...stream, sequenceId: 0 })
  expect(parseFrame(encodeStreamElement(number, 1, 5, payload)).message).toMatchObject({ ...stream, payload })
  expect(parseFrame(encodeStreamEnd(number, 1, 5)).message).toMatchObject({ ...stream, sequenceId: 1, closed: true })
})

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    decodeFrame(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
  }
}
