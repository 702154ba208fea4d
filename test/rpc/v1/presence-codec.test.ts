import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SocialError } from '../../../src/domain/errors.ts'
import { PRESENCE_METHODS } from '../../../src/rpc/v1/presence-codec.ts'
import { CODECS, type Position } from '../../env/presence-client.ts'

const { positionHeartbeat, subscribeFriendshipPresenceUpdates } = PRESENCE_METHODS
const text = fc.string({ unit: 'grapheme', maxLength: 300 })
const position: fc.Arbitrary<Position> = fc.record({ realm: text, x: text, y: text }, { requiredKeys: [] })
const error = fc
  .record({
    code: fc.constantFrom(
      'internal' as const,
      'unauthorized' as const,
      'forbidden' as const,
      'invalid_request' as const
    ),
    message: fc.string()
  })
  .map(({ code, message }) => new SocialError(code, message))
const CASE: Record<string, string> = {
  internal: 'internalServerError',
  unauthorized: 'unauthorizedError',
  forbidden: 'forbiddenError',
  invalid_request: 'badRequestError'
}

describe('the hand-written codec', () => {
  it('agrees with the definition on a heartbeat', () => {
    const payload = fc.record({ position, authToken: fc.record({ synapseToken: fc.string() }) }, { requiredKeys: [] })
    fc.assert(
      fc.property(payload, payload => {
        const bytes = CODECS.positionPayload.encode(payload).finish()
        expect(positionHeartbeat.requestType.decode(bytes)).toEqual({
          position: undefined,
          authToken: undefined,
          ...payload
        })
      })
    )
  })

  it('agrees with the definition on a heartbeat with fields of a later one', () => {
    const later = Buffer.from([0x32, 2, 1, 2, 0x38, 7, 0x45, 1, 2, 3, 4])
    const known = CODECS.positionPayload.encode({ position: { x: '1' } }).finish()
    expect(positionHeartbeat.requestType.decode(Buffer.concat([later, known])).position).toEqual({ x: '1' })
    const nested = Buffer.from([0x0a, later.length + 3, ...later, 0x12, 1, 0x31])
    expect(positionHeartbeat.requestType.decode(nested).position).toEqual({ x: '1' })
  })

  it('agrees with the definition on the answer to a heartbeat', () => {
    fc.assert(
      fc.property(position, position => {
        const bytes = positionHeartbeat.responseType.encode({ position }).finish()
        expect(CODECS.positionResponse.decode(bytes)).toEqual({ response: 'position', position })
      })
    )
    fc.assert(
      fc.property(error, error => {
        const bytes = positionHeartbeat.responseType.encode({ error }).finish()
        const name = CASE[error.code] ?? ''
        expect(CODECS.positionResponse.decode(bytes)).toEqual({ response: name, [name]: { message: error.message } })
      })
    )
  })

  it('agrees with the definition on updates', () => {
    const { encode } = subscribeFriendshipPresenceUpdates.responseType
    fc.assert(
      fc.property(fc.array(position), positions => {
        const decoded = CODECS.presenceUpdates.decode(encode({ updates: positions }).finish())
        expect(decoded).toEqual({ response: 'updates', updates: { positions } })
      })
    )
    fc.assert(
      fc.property(error, error => {
        // This response has no case for a bad request.
        const name = error.code === 'invalid_request' ? 'internalServerError' : (CASE[error.code] ?? '')
        const decoded = CODECS.presenceUpdates.decode(encode({ error }).finish())
        expect(decoded).toEqual({ response: name, [name]: { message: error.message } })
      })
    )
  })
})

it('bytes that are no heartbeat are decoded to something or refused, and never more than that', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      try {
        positionHeartbeat.requestType.decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }),
    { numRuns: 5000 }
  )
})
