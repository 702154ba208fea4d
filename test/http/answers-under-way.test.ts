import { describe, expect, it, onTestFinished } from 'vitest'
import type { AdmissionOptions, Budget } from '../../src/admission/admission.ts'
import { UserLimits } from '../../src/admission/user-limits.ts'
import { requireSession, socialToken } from '../../src/http/auth.ts'
import { healthRoutes } from '../../src/http/health.ts'
import { MetricRegistry } from '../../src/observability/metric-registry.ts'
import { OpenRequests } from '../../src/sessions/open-requests.ts'
import { admission, Rest, startHttpServer, startService } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { newUser } from '../storage/stores.ts'

const KILOBYTES = 100 * 1024

/** A server with health, a route that waits until it is told to answer, and one that answers a hundred kilobytes. */
async function start(budgets: Partial<AdmissionOptions>, requests = 1_000) {
  const refusals: Budget[] = []
  const app = await startHttpServer({ admission: admission(budgets, budget => refusals.push(budget)) })
  const held: (() => void)[] = []
  const metrics = new MetricRegistry()
  await app.register(healthRoutes, { checks: {}, warnings: {}, isServing: () => true, metrics, metricsToken: null })
  app.get('/wait', () => new Promise<string>(resolve => held.push(() => resolve('done'))))
  app.get('/much', async () => 'x'.repeat(KILOBYTES))
  const address = newUser()
  await app.register(async scope => {
    const holder = { tokenHash: Buffer.alloc(32), address, deviceId: '' }
    const userLimits = new UserLimits({ connections: 1, callsPerSecond: 1_000_000, requests })
    const sessions = { authenticate: async () => holder, isKnown: () => true }
    const openRequests = new OpenRequests()
    requireSession(scope, { sessions, openRequests, admission: admission(), userLimits }, socialToken)
    scope.get('/mine', () => new Promise<string>(resolve => held.push(() => resolve('done'))))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const answer = (): void => {
    for (const resolve of held.splice(0)) resolve()
  }
  onTestFinished(async () => {
    answer()
    await app.close()
  })
  return { rest: new Rest(app.listeningOrigin, 'token'), held, answer, refusals }
}

describe('requests under way', () => {
  it.each([
    ['of one address', { total: 1_000_000, perKey: 2 * 4_096 }, 429],
    ['in all', { total: 2 * 4_096, perKey: 1_000_000 }, 503]
  ])('are bounded %s, and health is told all the same', async (_, answerBytes, status) => {
    const { rest, held, answer, refusals } = await start({ answerBytes })
    const waiting = [rest.get('/wait'), rest.get('/wait')]
    await until(() => held.length === 2, 'both have come')
    const refused = await rest.raw('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2))
    expect(refused).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(refused).toMatch(/\r\nconnection: close\r\n/i)
    expect(refused).toMatch(/\r\nretry-after: 1\r\n/)
    expect((await rest.get('/health/live')).status).toBe(200)
    expect(refusals).toContain('answers')
    answer()
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200)
    const again = rest.get('/wait')
    await until(() => held.length === 1, 'there is room again')
    answer()
    await again
  })

  it('of one user are bounded, over all of their connections', async () => {
    const { rest, held, answer } = await start({}, 2)
    const waiting = [rest.get('/mine'), rest.get('/mine')]
    await until(() => held.length === 2, 'both have come')
    const refused = await rest.get('/mine')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    answer()
    await Promise.all(waiting)
    const again = rest.get('/mine')
    await until(() => held.length === 1, 'there is room again')
    answer()
    expect((await again).status).toBe(200)
  })
})

it('a request counts until its work is done, also when its client is gone', async () => {
  const { rest, held, answer } = await start({}, 2)
  const abort = new AbortController()
  const headers = { authorization: 'Bearer token' }
  const left = [1, 2].map(() => fetch(`${rest.url}/mine`, { headers, signal: abort.signal }).catch(() => null))
  await until(() => held.length === 2, 'both have come')
  abort.abort()
  await Promise.all(left)
  for (let call = 0; call < 3; call++) expect((await rest.get('/mine')).status).toBe(429)
  answer()
  await until(async () => {
    const next = rest.get('/mine')
    const outcome = await Promise.race([next, until(() => held.length > 0, 'it is admitted')])
    return !outcome
  }, 'there is room again')
})

it('the bytes of answers are bounded, and given back with each', async () => {
  const { rest, refusals } = await start({ answerBytes: { total: 1_000_000, perKey: KILOBYTES } })
  for (let call = 0; call < 20; call++) expect((await rest.get('/much')).text).toHaveLength(KILOBYTES)
  expect(refusals).toEqual([])
  const small = await start({ answerBytes: { total: 1_000_000, perKey: KILOBYTES - 1 } })
  const { status, body } = await small.rest.get('/much')
  expect([status, body.error]).toEqual([429, 'Too Many Requests'])
})

it('requests of one user are limited in a second, together with their calls', async () => {
  await using env = await startService({ CALLS_PER_SECOND: '5' })
  const alice = await new Rest(env.app.httpUrl).login()
  const answers = await Promise.all(Array.from({ length: 30 }, () => alice.rest.get('/v1/friendships/me')))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(0)
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5)
  for (const { headers, body } of refused) {
    expect(headers.get('retry-after')).toBe('1')
    expect(body).toEqual({ code: 429, error: 'Too Many Requests', message: 'Too many calls, try again in a second' })
  }
})
