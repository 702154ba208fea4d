import { expect, test } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { orderedPair } from '../../../src/domain/address.ts'
import { HomeserverClient } from '../../../src/matrix/client/client.ts'
import { Database } from '../../../src/storage/db/database.ts'
import { EventLog } from '../../../src/storage/event-log.ts'
import { MATRIX_OUTBOX, OutboxStore } from '../../../src/storage/outbox.ts'
import { Env } from '../../env/app.ts'
import { freshPostgres, LIMITS, postgresUrl, silent } from '../../env/databases.ts'
import { FaultProxy } from '../../env/fault-proxy.ts'
import { paced } from '../../env/pace.ts'
import { describeWithSynapse, type SynapseAccess, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { LogReader } from '../../faults/log-reader.ts'
import { eventsAfter } from '../../storage/stores.ts'
import { LogComparison } from './log-comparison.ts'

const METRICS_TOKEN = 'metrics'

const settings = (access: SynapseAccess, DATABASE_URL: string) => ({
  DATABASE_URL,
  METRICS_TOKEN,
  MATRIX_MODE: 'appservice',
  MATRIX_HOMESERVER_URL: access.url,
  MATRIX_AS_TOKEN: access.asToken,
  MATRIX_HS_TOKEN: access.hsToken,
  MATRIX_TOKEN_KEY: 'k'.repeat(32)
})

describeWithSynapse('instances of the service with one homeserver', () => {
  test.skipIf(postgresUrl === null)('acknowledge friendships without it, and bring it in step together', async () => {
    const access = await sharedSynapse()
    await using proxy = await FaultProxy.start(access.url)
    const database = await freshPostgres()
    const behindProxy = settings({ ...access, url: proxy.url }, database)
    proxy.goDown()
    await using one = await Env.start(behindProxy)
    await using other = await Env.start(behindProxy)
    const [alice, bob] = await Promise.all([one.login(), other.login()])
    const inbox = await one.updates(alice)
    await alice.client.requestFriendship(bob.address, 'Shall we?')
    await bob.client.acceptFriendshipRequest(alice.address)
    expect((await inbox.next()).accept?.user?.address).toBe(bob.address)

    const headers = { authorization: `Bearer ${METRICS_TOKEN}` }
    const metrics = await (await fetch(`${one.app.httpUrl}/metrics`, { headers })).text()
    expect(metrics).toMatch(/^dcl_social_service_matrix_outbox_depth 2$/m)

    proxy.comeBack()
    const db = await Database.open({ ...LIMITS, url: database }, silent)
    const homeserver = new HomeserverClient({ ...access, timeoutMs: paced(20_000), connections: 4 })
    try {
      const outbox = new OutboxStore(db, MATRIX_OUTBOX)
      await until(async () => (await outbox.stats()).depth === 0, 'the homeserver has everything')
      await alice.client.removeFriend(bob.address)
      await bob.client.requestFriendship(alice.address, 'Once more?')
      await until(async () => (await outbox.stats()).depth === 0, 'the homeserver has everything')
      const events = await eventsAfter(new EventLog(db), 0)
      expect(events).toHaveLength(4)
      expect(await new LogComparison(access, homeserver, 'request').differences(events)).toEqual([])
    } finally {
      await homeserver.close()
      await db.close()
    }
  })

  test.skipIf(postgresUrl === null)(
    'bring what happened while it had been taken away, and nothing from before it was there',
    async () => {
      const access = await sharedSynapse()
      const database = await freshPostgres()
      const alone = { DATABASE_URL: database }
      const together = settings(access, database)
      const [alice, bob, carol] = [await createWallet(), await createWallet(), await createWallet()]
      const request = async (friend: Wallet): Promise<void> => {
        await using env = await Env.start(alone)
        await (await env.login(alice)).client.requestFriendship(friend.address, 'Shall we?')
      }
      await request(bob)
      await (await Env.start(together)).stop()
      await request(carol)
      await using env = await Env.start(together)
      await using log = await LogReader.open(database)
      const depth = async () => (await new OutboxStore(log.db, MATRIX_OUTBOX).stats()).depth
      await until(async () => (await depth()) === 0, 'the homeserver has everything')

      const homeserver = new HomeserverClient({ ...access, timeoutMs: paced(20_000), connections: 4 })
      env.onStop(() => homeserver.close())
      const { ids } = homeserver
      expect(await homeserver.resolveAlias(ids.pairAlias(orderedPair(alice.address, bob.address)))).toBeNull()
      const [, ofCarol] = await log.all()
      expect(ofCarol?.target).toBe(carol.address)
      expect(await new LogComparison(access, homeserver, 'request').differences([ofCarol!])).toEqual([])
    }
  )
})
