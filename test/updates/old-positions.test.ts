import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { TokenDevice } from '../env/device.ts'
import { logIn } from '../env/login.ts'
import { scrape, valueIn } from '../env/metric.ts'
import { until } from '../env/until.ts'

describeWithPostgres('the position of a device in a log that is not kept for ever', () => {
  let env: Env
  let database: Client
  beforeAll(async () => {
    const url = await freshPostgres()
    database = new Client({ connectionString: url })
    await database.connect()
    env = await Env.start({ DATABASE_URL: url, LOG_RETENTION: '1h' }, { sweepMs: 50 })
  })
  afterAll(async () => {
    await env.stop()
    await database.end()
  })

  const one = async (text: string): Promise<number> => Number((await database.query(text)).rows[0]?.one)

  async function connected(): Promise<TokenDevice> {
    const wallet = await createWallet()
    const device = new TokenDevice(wallet.address, await logIn(env.app.httpUrl, wallet))
    await connect(device)
    return device
  }

  async function connect(device: TokenDevice): Promise<void> {
    device.received.length = 0
    await device.connect(env.app.rpcUrl)
    await env.opened(device.address, () => void device.listen())
  }

  it('moves on with the log while nothing happens to it', async () => {
    await connected()
    const [alice, bob] = [await env.login(), await env.login()]
    await alice.client.requestFriendship(bob.address)
    const latest = await one('select max(seq) as one from pair_event')
    await until(async () => (await one('select min(floor) as one from stream_position')) >= latest, 'it is there')
  })

  it('begins anew when what it may have missed is not there any more', async () => {
    const device = await connected()
    const before = await env.openStreams()
    device.terminate()
    await until(async () => (await env.openStreams()) < before, 'the service notices the loss')
    const [alice, carol] = [await env.login(), await env.login()]
    await alice.client.requestFriendship(device.address)
    await database.query('update log_horizon set seq = (select max(seq) from pair_event)')
    await connect(device)
    await carol.client.requestFriendship(device.address)
    await until(() => device.received.length > 0, 'the new update comes')
    expect(device.received).toMatchObject([{ action: 'request', actor: carol.address }])
    const metrics = await scrape(env.app.httpUrl, 'metrics')
    expect(valueIn(metrics, 'dcl_social_service_rpc_streams_begun_total{beginning="overrun"}')).toBe(1)
  })
})
