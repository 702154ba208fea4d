import { describe, expect, it } from 'vitest'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import { visibleAction } from '../../src/domain/block-view.ts'
import { FRIENDSHIP_ACTIONS, type PairStatus } from '../../src/domain/friendship.ts'

const alice = parseAddress(`0x${'a'.repeat(40)}`) as Address
const bob = parseAddress(`0x${'b'.repeat(40)}`) as Address

describe('an event, where blocks are not known', () => {
  it('looks like what it is when it is no block', () => {
    for (const action of FRIENDSHIP_ACTIONS) {
      expect(visibleAction({ action, actor: alice, previous: 'none', previousActor: null })).toBe(action)
    }
  })

  it.each([alice, bob])('looks like a deletion when it is a block that ends a friendship', previousActor => {
    expect(visibleAction({ action: 'block', actor: alice, previous: 'accepted', previousActor })).toBe('delete')
  })

  it('looks like a cancellation when it is a block of the user who was asked', () => {
    expect(visibleAction({ action: 'block', actor: alice, previous: 'requested', previousActor: alice })).toBe('cancel')
  })

  it('looks like a rejection when it is a block of the user who had asked', () => {
    expect(visibleAction({ action: 'block', actor: alice, previous: 'requested', previousActor: bob })).toBe('reject')
  })

  it('looks like nothing when it is a block that ends nothing', () => {
    for (const previous of ['none', 'rejected', 'canceled', 'deleted'] satisfies PairStatus[]) {
      for (const previousActor of [null, alice, bob]) {
        expect(visibleAction({ action: 'block', actor: alice, previous, previousActor })).toBeNull()
      }
    }
  })

  it('looks like nothing when it is the end of a block', () => {
    for (const previousActor of [alice, bob]) {
      expect(visibleAction({ action: 'unblock', actor: alice, previous: 'deleted', previousActor })).toBeNull()
    }
  })
})
