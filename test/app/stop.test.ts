import { expect, it } from 'vitest'
import { FakeHomeserver } from '../env/fake-homeserver.ts'
import { CLIENT, MatrixEnv } from '../env/matrix.ts'
import { until } from '../env/until.ts'

const GRACE_MS = 3_000
/** What everything but the waiting may take, on a machine that does other things too. */
const MARGIN_MS = 2_000

it('has one grace for all that is under way: a hung proxied request and a hung call of the outbox', async () => {
  await using homeserver = await FakeHomeserver.start()
  const hanging = await MatrixEnv.start(homeserver, { SHUTDOWN_GRACE: `${GRACE_MS}ms`, LOG_LEVEL: 'silent' })
  const [alice, bob] = [await hanging.login(), await hanging.login()]
  homeserver.isSilent = true
  homeserver.answer = () => {}
  const device = await hanging.env.login(alice)
  await device.client.requestFriendship(bob.address)
  await until(() => homeserver.unanswered > 0, 'the outbox has called')
  const request = alice.rest.get(`${CLIENT}/capabilities`).catch(() => null)
  await until(() => homeserver.received.length > 0, 'the request has been handed on')

  const from = performance.now()
  const stops = [hanging.env.app.stop(), hanging.env.app.stop()]
  await Promise.all(stops)
  expect(performance.now() - from).toBeLessThan(GRACE_MS + MARGIN_MS)
  await request
  await hanging.env.stop()
})
