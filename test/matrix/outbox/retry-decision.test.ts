import { expect, test } from 'vitest'
import { SocialError } from '../../../src/domain/errors.ts'
import { HomeserverError } from '../../../src/matrix/client/errors.ts'
import { HomeserverWatch } from '../../../src/matrix/outbox/homeserver-watch.ts'
import { classifyFailure } from '../../../src/matrix/outbox/retry-decision.ts'
import { silent } from '../../env/databases.ts'

const BACKOFF = { firstMs: 1_000, maxMs: 300_000 }
const watch = (ping: () => Promise<unknown>) =>
  new HomeserverWatch({ ping, backoff: BACKOFF, logger: silent, now: Date.now })
const WELL = watch(async () => {})
const AWAY = watch(() => Promise.reject(new Error('away')))

test('counts nothing against an event while the database is away', async () => {
  const error = new SocialError('unavailable', 'The database is not available, try again')
  for (const attempts of [0, 2, 299]) {
    expect(await classifyFailure(error, attempts, WELL, BACKOFF)).toMatchObject({
      outcome: 'retried',
      attempts,
      parked: false,
      delayMs: expect.toSatisfy((ms: number) => ms >= 500 && ms <= 1_000)
    })
  }
})

test.each([
  ['a refusal', new HomeserverError({ kind: 'forbidden', operation: 'x', status: 403, code: 'M_FORBIDDEN' }), 2],
  ['a fault in the code', new TypeError('x'), 2],
  ['a call that fails again and again', new HomeserverError({ kind: 'unavailable', operation: 'x' }), 299]
])('parks an event by %s after a number of tries, and not before', async (_, error, tries) => {
  expect(await classifyFailure(error, tries - 1, WELL, BACKOFF)).toMatchObject({ outcome: 'retried', attempts: tries })
  expect(await classifyFailure(error, tries, WELL, BACKOFF)).toMatchObject({ outcome: 'parked', attempts: tries + 1 })
})

test('parks nothing while the homeserver is away, however often it fails', async () => {
  const error = new HomeserverError({ kind: 'unavailable', operation: 'x' })
  expect(await classifyFailure(error, 1_000, AWAY, BACKOFF)).toMatchObject({
    outcome: 'away',
    attempts: 1_000,
    parked: false
  })
})

test('shows operators no text of an unforeseen error', async () => {
  const { error } = await classifyFailure(new Error('token abc of alice'), 0, WELL, BACKOFF)
  expect(error).toBe('Unforeseen error')
})
