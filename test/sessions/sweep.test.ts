import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { execute } from '../env/postgres.ts'
import { PresenceClient } from '../env/presence-client.ts'
import { until } from '../env/until.ts'
import { connectivity, listen, loginV2 } from '../env/v2.ts'

describeWithPostgres('what expires', () => {
  const lines: string[] = []
  let env: Env
  let url: string
  beforeAll(async () => {
    url = await freshPostgres()
    const destination = { write: (line: string) => void lines.push(line) }
    const logger = createLogger({ level: 'warn', format: 'json', destination })
    env = await Env.start({ PRESENCE_GRACE: '0ms', DATABASE_URL: url }, { logger, sweepMs: 20 })
  })
  afterAll(() => env.stop())

  it('is swept, with the streams of sessions that are over and with who was online by them', async () => {
    // Bob's socket of v2 outlasts the tokens.
    const [alice, bob] = [await PresenceClient.connect(env.app), await env.login(await createWallet(600))]
    env.onStop(() => alice.disconnect())
    await bob.client.requestFriendship(alice.address)
    await alice.act('accept', bob)
    const toBob = await env.updates(bob)
    const toAlice = await env.opened(alice.address, () => alice.observe())
    const bobOnV2 = await loginV2(env, bob)
    const comings = await listen(env, bob.address, bobOnV2.client.subscribeToFriendConnectivityUpdates())
    expect(connectivity(await comings.next())).toBe(`${alice.address} online`)
    const carol = await PresenceClient.connect(env.app)
    env.onStop(() => carol.disconnect())
    await bob.client.requestFriendship(carol.address)
    await carol.act('accept', bob)
    expect(connectivity(await comings.next())).toBe(`${carol.address} online`)

    await execute(url, 'update session set expires_at = 0')
    await until(() => toBob.ended !== null && toAlice.ended !== null, 'the streams end')
    expect([String(toBob.ended), toAlice.ended]).toEqual([expect.stringContaining('ended'), 'unauthorizedError'])
    const gone = [connectivity(await comings.next()), connectivity(await comings.next())]
    expect(gone.sort()).toEqual([`${alice.address} offline`, `${carol.address} offline`].sort())
    expect(comings.ended).toBeNull()
    expect(lines).toEqual([])
  })
})
