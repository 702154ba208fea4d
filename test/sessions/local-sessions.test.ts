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

let stores: Stores
beforeAll(async () => {
  stores = await Stores.open('embedded')
})
afterAll(() => stores[Symbol.asyncDispose]())

/** Sessions as one instance has them, by its own clock. */
function instance(now: () => number): LocalSessions {
  return new LocalSessions({
    store: new SessionStore(stores.db, 10),
    verifier: new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 0 }),
    bus: new LocalBus(error => {
      throw error
    }),
    limit: new RateLimit({ name: 'logins', scope: 'here', perMinute: 1000, redis: null, onLocal: () => {} }),
    tokenLifetimeMs: 60_000,
    tokenCacheSize: 10,
    now
  })
}

test('refuses a login that was used for as long as it is current anywhere, however often is swept', async () => {
  const wallet = await createWallet()
  const signedAt = Date.now()
  const { timestamp, auth_chain: authChain } = loginBody(wallet, signedAt)
  const login = { user: wallet.address, timestamp, authChain, deviceId: null, addressGroup: '127.0.0.1' }
  const [slow, fast] = [instance(() => signedAt + WINDOW), instance(() => signedAt + WINDOW + 10_000)]
  await slow.login(login)
  await slow.sweep()
  await expect(slow.login(login)).rejects.toThrow('used before')
  await fast.sweep()
  await expect(slow.login(login)).rejects.toThrow('used before')
})
