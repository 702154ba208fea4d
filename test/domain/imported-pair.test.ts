import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/domain/address.ts'
import { type ImportedAction, type ImportedPair, stateOfImported } from '../../src/domain/imported-pair.ts'

const lo = parseAddress(`0x${'a'.repeat(40)}`)!
const hi = parseAddress(`0x${'b'.repeat(40)}`)!
const event = (action: ImportedAction, actor = lo, at = 1_000, message: string | null = null) => ({
  action,
  actor,
  at,
  message
})
const pair = (facts: Partial<ImportedPair>): ImportedPair => ({
  lo,
  hi,
  areFriends: false,
  events: [],
  blockedBy: new Map(),
  touchedAt: 0,
  ...facts
})

describe('A pair that is taken over', () => {
  test.each(['request', 'cancel', 'reject', 'delete'] as const)('keeps a last %s as it is', action => {
    const events = [event(action, hi, 5_000), event('request', lo, 1_000, 'hi')]
    const { state, repair } = stateOfImported(pair({ events }))
    expect(state).toMatchObject({ lastAction: action, actor: hi, at: 5_000, message: null })
    expect(repair).toBeNull()
  })

  test('has the message of a request that waits', () => {
    const { state } = stateOfImported(pair({ events: [event('request', lo, 1_000, 'hi')] }))
    expect(state?.message).toBe('hi')
  })

  test('is friends when it is active, with who accepted', () => {
    const events = [event('request', lo, 1_000), event('accept', hi, 2_000)]
    expect(stateOfImported(pair({ areFriends: true, events }))).toMatchObject({
      state: { lastAction: 'accept', actor: hi, at: 2_000 },
      repair: null
    })
  })

  test('takes what answers for later than what it answers, in the same second', () => {
    const events = [event('accept', hi), event('request', lo)]
    expect(stateOfImported(pair({ areFriends: true, events })).state).toMatchObject({ lastAction: 'accept', actor: hi })
    const ended = [event('delete', hi), event('accept', lo)]
    expect(stateOfImported(pair({ events: ended })).state).toMatchObject({ lastAction: 'delete', actor: hi })
  })

  test('is friends without an acceptance when it is active, by the one who was asked', () => {
    const events = [event('request', hi, 1_000)]
    expect(stateOfImported(pair({ areFriends: true, events, touchedAt: 3_000 }))).toMatchObject({
      state: { lastAction: 'accept', actor: lo, at: 3_000 },
      repair: 'friends-without-accept'
    })
    expect(stateOfImported(pair({ areFriends: true }))).toMatchObject({ repair: 'friends-without-accept' })
  })

  test('is no friends when it is not active, whatever was accepted', () => {
    expect(stateOfImported(pair({ events: [event('accept', hi)] }))).toMatchObject({
      state: { lastAction: 'delete', actor: hi },
      repair: 'accept-of-no-friends'
    })
  })

  test('is blocked by the latest block, and no friends', () => {
    const blockedBy = new Map([
      [hi, 2_000],
      [lo, 9_000]
    ])
    const { state, repair } = stateOfImported(pair({ areFriends: true, blockedBy, events: [event('accept', hi)] }))
    expect(state).toMatchObject({ lastAction: 'block', actor: lo, at: 9_000, blockedBy })
    expect(repair).toBe('blocked-friends')
    expect(stateOfImported(pair({ blockedBy, events: [event('block', hi, 2_000)] })).repair).toBeNull()
  })

  test('is free again when a block was noted that is no more', () => {
    expect(stateOfImported(pair({ events: [event('block', hi)] }))).toMatchObject({
      state: { lastAction: 'unblock', actor: hi },
      repair: 'block-without-row'
    })
  })

  test('is nothing when nothing was noted', () => {
    expect(stateOfImported(pair({}))).toEqual({ state: null, repair: null })
  })
})
