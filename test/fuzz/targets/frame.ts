import { decodeFrame, ProtocolError } from '../../../src/rpc/engine/protocol.ts'

/** A frame of a client: it is decoded, or refused as one that is broken. */
export function fuzz(data: Buffer): void {
  try {
    const frame = decodeFrame(data)
    if ('number' in frame && !Number.isInteger(frame.number)) throw new Error(`The number ${frame.number}`)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
}
