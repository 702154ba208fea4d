import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { AuthChainVerifier } from '../../src/auth/auth-chain.ts'
import { RateLimit } from '../../src/cluster/rate-limit.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { SessionStore } from '../../src/storage/sessions.ts'
import { LocalBus } from '../env/local-bus.ts'
import { loginBody } from '../env/login.ts'
import { Stores } from '../storage/stores.ts'

const WINDOW = 120_000
const TEN_MINUTES = 600_000

let stores: Stores
beforeAll(async () => {
  stores = await Stores.open('embedded')
})
afterAll(() => stores[Symbol.asyncDispose]())

/** Sessions that were announced to have ended. */
const ended: unknown[] = []

/** Sessions as one instance has them, by its own clock. */
function instance(now: () => number): LocalSessions {
  const bus = new LocalBus(error => {
    throw error
  })
  bus.subscribe(event => ended.push(event))
  return new LocalSessions({
    store: new SessionStore(stores.db, 10),
    verifier: new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 0 }),
    bus,
    limit: new RateLimit({ name: 'logins', scope: 'here', perMinute: 1000, counters: null, onLocal: () => {} }),
    tokenLifetimeMs: 60_000,
    tokenCacheSize: 10,
    now
  })
}

test('refuses a login that was used, although the clock of another instance that sweeps is ten minutes ahead', async () => {
  const wallet = await createWallet()
  const signedAt = Date.now()
  const { timestamp, auth_chain: authChain } = loginBody(wallet, signedAt)
  const login = { user: wallet.address, timestamp, authChain, deviceId: null, addressGroup: '127.0.0.1' }
  const [slow, fast] = [instance(() => signedAt + WINDOW), instance(() => signedAt + TEN_MINUTES)]
  await slow.login(login)
  await slow.sweep()
  await expect(slow.login(login)).rejects.toThrow('used before')
  await fast.sweep()
  await expect(slow.login(login)).rejects.toThrow('used before')
})

test('refuses a login that is over by the clock of the database, though not by that of an instance', async () => {
  const wallet = await createWallet()
  const signedAt = Date.now() - TEN_MINUTES
  const { timestamp, auth_chain: authChain } = loginBody(wallet, signedAt)
  const login = { user: wallet.address, timestamp, authChain, deviceId: null, addressGroup: '127.0.0.1' }
  await expect(instance(() => signedAt).login(login)).rejects.toMatchObject({ code: 'forbidden' })
})

test('ends no session, here or elsewhere, because the clock of one instance is ahead', async () => {
  const wallet = await createWallet()
  const { timestamp, auth_chain: authChain } = loginBody(wallet, Date.now())
  const login = { user: wallet.address, timestamp, authChain, deviceId: null, addressGroup: '127.0.0.1' }
  const right = instance(Date.now)
  const { token, session } = await right.login(login)
  const fast = instance(() => Date.now() + TEN_MINUTES)
  await fast.revalidate([{ address: session.address, tokenHash: session.tokenHash.toString('hex') }])
  await fast.sweep()
  expect(await right.authenticate(token)).toEqual(session)
  expect(ended).toEqual([])
})
