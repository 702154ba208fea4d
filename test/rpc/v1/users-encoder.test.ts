import { UsersResponse } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import { encodeStreamElement, FRAME_OVERHEAD } from '../../../src/rpc/engine/protocol.ts'
import { encodePages } from '../../../src/rpc/v1/users-encoder.ts'
import { seededUsers } from '../../env/seed.ts'

const MAX_BYTES = 96 * 1024
const ROOM = MAX_BYTES - FRAME_OVERHEAD

const pagesOf = (users: readonly string[], maxItems: number, maxBytes = ROOM): Uint8Array[] => [
  ...encodePages(users as Address[], { maxItems, maxBytes })
]
const lengthsOf = (pages: readonly Uint8Array[]): number[] =>
  pages.map(page => {
    const { response } = UsersResponse.decode(page)
    return response?.$case === 'users' ? response.users.users.length : 0
  })

describe('a list of users of v1', () => {
  const address = fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 })
    .map(hex => `0x${hex}`)

  it('has the very bytes that the codec of @dcl/protocol writes, page by page', () => {
    const lists = fc.oneof(
      fc.array(address, { maxLength: 400 }),
      // Around the lengths where the length of the page takes a byte more: at 128 and at 16,384 bytes.
      fc.integer({ min: 0, max: 500 }).map(count => seededUsers(1, count))
    )
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 450 }), (users, maxItems) => {
        const expected: Uint8Array[] = []
        for (let at = 0; at < users.length; at += maxItems) {
          const page = users.slice(at, at + maxItems).map(each => ({ address: each }))
          expected.push(UsersResponse.encode({ response: { $case: 'users', users: { users: page } } }).finish())
        }
        expect(pagesOf(users, maxItems).map(page => Buffer.from(page).toString('hex'))).toEqual(
          expected.map(page => Buffer.from(page).toString('hex'))
        )
      })
    )
  })

  it('has as many users in a page as there is room for with the frame around it, or as are wanted', () => {
    const users = seededUsers(1, 5_000)
    expect(lengthsOf(pagesOf(users, 10_000))).toEqual([2_136, 2_136, 728])
    expect(lengthsOf(pagesOf(users, 2_000))).toEqual([2_000, 2_000, 1_000])
    const [first] = pagesOf(users, 10_000)
    const frame = encodeStreamElement(0x07ff_ffff, 0xffff_ffff, 0xffff_ffff, first!)
    expect(frame.length).toBeLessThanOrEqual(MAX_BYTES)
    expect(frame.length).toBeGreaterThan(MAX_BYTES - 64)
  })

  it('that is empty has no page', () => {
    expect(pagesOf([], 10)).toEqual([])
  })
})
