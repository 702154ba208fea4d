import {
  FriendProfile,
  PaginatedFriendsProfilesResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '../../../src/domain/address.ts'
import { encodeProfile } from '../../../src/rpc/v2/codec.ts'
import { encodeListing } from '../../../src/rpc/v2/listing.ts'

const profile = fc.record({
  address: fc.constant(parseAddress(`0x${'a'.repeat(40)}`)!),
  name: fc.string({ unit: 'binary', maxLength: 200 }),
  hasClaimedName: fc.boolean(),
  pictureUrl: fc.webUrl(),
  nameColor: fc.option(fc.constant({ r: 0.1, g: 0.2, b: 0.3 }))
})

test('a list of profiles never has more bytes than an answer may have, and few less when it ends early', () => {
  fc.assert(
    fc.property(
      fc.array(profile, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1_000, max: 8_000 }),
      (all, maxBytes) => {
        const listing = { items: all, profileOf: (it: (typeof all)[number]) => it, besideOf: () => 0, maxBytes }
        const friends = encodeListing(listing, (_, shown) => encodeProfile(shown))
        const paginationData = { total: 100_000, page: 100_000 }
        const bytes = PaginatedFriendsProfilesResponse.encode({ friends, paginationData }).finish().length
        expect(bytes).toBeLessThanOrEqual(maxBytes)
        const next = all[friends.length]
        if (next === undefined) return
        const left = FriendProfile.encode(encodeProfile({ ...next, pictureUrl: '', nameColor: null })).finish().length
        expect(bytes + left + 40).toBeGreaterThan(maxBytes)
      }
    )
  )
})
