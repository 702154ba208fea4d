import { expect, test } from 'vitest'
import { OpenRequests } from '../../src/sessions/open-requests.ts'
import { paced } from '../env/pace.ts'

/** Whether it is over when all is done that waits for nothing. */
async function isOver(work: Promise<void>): Promise<boolean> {
  let over = false
  void work.then(() => {
    over = true
  })
  await new Promise(setImmediate)
  return over
}

test('waits for the requests of a token that are open, and not for those that come later', async () => {
  const requests = new OpenRequests(paced(60_000))
  const [first, second] = [requests.begin('alice'), requests.begin('alice')]
  const served = requests.served('alice')
  requests.begin('alice')
  first()
  expect(await isOver(served)).toBe(false)
  second()
  expect(await isOver(served)).toBe(true)
})

test('does not wait for those of another token, nor for those that are served', async () => {
  const requests = new OpenRequests(paced(60_000))
  requests.begin('bob')
  requests.begin('alice')()
  expect(await isOver(requests.served('alice'))).toBe(true)
})

test('waits no longer than its limit', async () => {
  const requests = new OpenRequests(20)
  requests.begin('alice')
  const before = performance.now()
  await requests.served('alice')
  expect(performance.now() - before).toBeGreaterThanOrEqual(20)
})
