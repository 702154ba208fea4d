import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { SocialError } from '../../src/domain/errors.ts'
import {
  decide,
  FRIENDSHIP_ACTIONS,
  type FriendshipAction,
  NO_PAIR,
  PAIR_ACTIONS,
  type Pair,
  type PairAction,
  statusOf
} from '../../src/domain/friendship.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address
const LATER = 60_000

/** The pair after a list of operations, a minute apart, that must all be possible. */
function pairAfter(...operations: [Address, PairAction][]): Pair {
  return operations.reduce<Pair>((pair, [actor, action], step) => {
    const decision = decide(pair, intent(actor, action), step * LATER)
    return decision.kind === 'apply' ? { ...decision.next, version: pair.version + 1 } : pair
  }, NO_PAIR)
}

const intent = (actor: Address, action: PairAction, message: string | null = null) => ({
  actor,
  target: actor === alice ? bob : alice,
  action,
  message
})

function outcome(pair: Pair, actor: Address, action: PairAction): string {
  try {
    const decision = decide(pair, intent(actor, action), 100 * LATER)
    return decision.kind === 'apply' ? statusOf({ ...decision.next, version: 1 }) : 'unchanged'
  } catch (error) {
    if (error instanceof SocialError) return error.code
    throw error
  }
}

const NONE = NO_PAIR
const REQUESTED = pairAfter([alice, 'request'])
const ACCEPTED = pairAfter([alice, 'request'], [bob, 'accept'])
const REJECTED = pairAfter([alice, 'request'], [bob, 'reject'])
const CANCELED = pairAfter([alice, 'request'], [alice, 'cancel'])
const DELETED = pairAfter([alice, 'request'], [bob, 'accept'], [alice, 'delete'])

describe('the transition table', () => {
  const no = 'invalid_transition'
  // What each action does in each state, by Alice, who requested, and by Bob, whom she requested.
  it.each<[string, Pair, FriendshipAction, string, string]>([
    ['none', NONE, 'request', 'requested', 'requested'],
    ['none', NONE, 'accept', no, no],
    ['none', NONE, 'reject', no, no],
    ['none', NONE, 'cancel', no, no],
    ['none', NONE, 'delete', no, no],
    ['requested', REQUESTED, 'request', no, no],
    ['requested', REQUESTED, 'accept', no, 'accepted'],
    ['requested', REQUESTED, 'reject', no, 'rejected'],
    ['requested', REQUESTED, 'cancel', 'canceled', no],
    ['requested', REQUESTED, 'delete', no, no],
    ['accepted', ACCEPTED, 'request', no, no],
    ['accepted', ACCEPTED, 'accept', no, no],
    ['accepted', ACCEPTED, 'reject', no, no],
    ['accepted', ACCEPTED, 'cancel', no, no],
    ['accepted', ACCEPTED, 'delete', 'deleted', 'deleted'],
    ['rejected', REJECTED, 'request', 'requested', 'requested'],
    ['rejected', REJECTED, 'accept', no, no],
    ['canceled', CANCELED, 'request', 'requested', 'requested'],
    ['canceled', CANCELED, 'cancel', no, no],
    ['deleted', DELETED, 'request', 'requested', 'requested'],
    ['deleted', DELETED, 'delete', no, no]
  ])('%s, %#: %s', (_, pair, action, byAlice, byBob) => {
    expect([outcome(pair, alice, action), outcome(pair, bob, action)]).toEqual([byAlice, byBob])
  })

  it('says in the words of the first implementation what is wrong', () => {
    expect(() => decide(REQUESTED, intent(alice, 'accept'), LATER)).toThrow(
      'Invalid acting user for friendship event update accept'
    )
    expect(() => decide(NONE, intent(alice, 'delete'), LATER)).toThrow('Invalid friendship event update transition')
  })

  it('refuses to act upon oneself', () => {
    for (const action of PAIR_ACTIONS) {
      expect(() => decide(NONE, { actor: alice, target: alice, action, message: null }, 0)).toThrow(
        'You cannot act upon yourself'
      )
    }
  })
})

describe('an action that is repeated', () => {
  it.each([
    [60_000, 'unchanged'],
    [60_001, 'invalid_transition']
  ])('%i ms later is %s', (age, expected) => {
    const act = () => decide(REQUESTED, intent(alice, 'request'), REQUESTED.at + age).kind
    if (expected === 'unchanged') expect(act()).toBe('unchanged')
    else expect(act).toThrow('Invalid friendship event update transition')
  })

  it('is not the same action with another message', () => {
    expect(() => decide(REQUESTED, intent(alice, 'request', 'hello?'), REQUESTED.at + 1)).toThrow(SocialError)
  })

  it('is not a repetition when the other user does it', () => {
    expect(() => decide(ACCEPTED, intent(alice, 'accept'), ACCEPTED.at + 1)).toThrow(SocialError)
  })
})

describe('a block', () => {
  it('ends whatever was, and forbids a request both ways', () => {
    for (const pair of [NONE, REQUESTED, ACCEPTED, REJECTED]) {
      expect(outcome(pair, bob, 'block')).toBe('deleted')
      const blocked = { ...pair, blockedBy: new Map([[bob, 1]]) }
      expect([outcome(blocked, alice, 'request'), outcome(blocked, bob, 'request')]).toEqual(['forbidden', 'forbidden'])
    }
  })

  it('leaves the pair as after a delete when it is lifted', () => {
    const pair = pairAfter([alice, 'request'], [bob, 'accept'], [alice, 'block'], [alice, 'unblock'])
    expect([statusOf(pair), pair.blockedBy.size]).toEqual(['deleted', 0])
    expect(outcome(pair, bob, 'request')).toBe('requested')
  })

  it('stands while either of the two keeps it', () => {
    const pair = pairAfter([alice, 'block'], [bob, 'block'], [alice, 'unblock'])
    expect([...pair.blockedBy.keys()]).toEqual([bob])
    expect(outcome(pair, alice, 'request')).toBe('forbidden')
  })

  it('changes nothing when it is there already, nor does lifting one that is not', () => {
    expect(outcome(pairAfter([alice, 'block']), alice, 'block')).toBe('unchanged')
    expect(outcome(ACCEPTED, alice, 'unblock')).toBe('unchanged')
    expect(outcome(pairAfter([alice, 'block']), bob, 'unblock')).toBe('unchanged')
  })
})

describe('the counts', () => {
  it('add up to the state, whatever happens', () => {
    const operation = fc.tuple(fc.constantFrom(alice, bob), fc.constantFrom<PairAction[]>(...PAIR_ACTIONS))
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), operations => {
        const counts = new Map([alice, bob].map(user => [user, { friends: 0, outgoing: 0, incoming: 0 }]))
        let pair: Pair = NO_PAIR
        for (const [step, [actor, action]] of operations.entries()) {
          const decision = attempt(() => decide(pair, intent(actor, action), step * LATER))
          if (decision?.kind !== 'apply') continue
          for (const { user, friends, outgoing, incoming } of decision.counts) {
            const count = counts.get(user)!
            count.friends += friends
            count.outgoing += outgoing
            count.incoming += incoming
          }
          pair = { ...decision.next, version: pair.version + 1 }
          for (const [user, count] of counts) {
            expect(count.friends).toBe(statusOf(pair) === 'accepted' ? 1 : 0)
            const isRequested = statusOf(pair) === 'requested'
            expect(count.outgoing).toBe(isRequested && pair.actor === user ? 1 : 0)
            expect(count.incoming).toBe(isRequested && pair.actor !== user ? 1 : 0)
          }
        }
      })
    )
  })
})

function attempt<T>(run: () => T): T | null {
  try {
    return run()
  } catch (error) {
    if (error instanceof SocialError) return null
    throw error
  }
}

it('knows every friendship action as an action of a pair', () => {
  expect(PAIR_ACTIONS).toEqual(expect.arrayContaining([...FRIENDSHIP_ACTIONS]))
})
