import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { createLogger } from '../../../src/observability/logger.ts'
import { FakeHomeserver, sendJson } from '../../env/fake-homeserver.ts'
import { loginBody } from '../../env/login.ts'
import { CLIENT, type HomeserverAccess, MatrixEnv } from '../../env/matrix.ts'
import {
  DECENTRALAND_LOGIN,
  describeWithSynapse,
  type Synapse,
  type SynapseAccess,
  sharedSynapse,
  startSynapse
} from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { newAddress } from '../homeserver.ts'

/** A service and what it warns of. */
async function start(homeserver: HomeserverAccess, settings: Record<string, string>) {
  const warnings: string[] = []
  const destination = {
    write: (line: string) => {
      const { level, msg } = JSON.parse(line) as { level: unknown; msg: string }
      if (level === 'warn' || level === 40) warnings.push(msg)
    }
  }
  const logger = createLogger({ level: 'info', format: 'json', destination })
  const env = await MatrixEnv.start(homeserver, settings, { logger })
  const ready = async () => {
    const { status, body } = await env.rest.get('/health/ready')
    return { status, homeserver: body.details.homeserver }
  }
  return { env, ready, warnings, [Symbol.asyncDispose]: () => env[Symbol.asyncDispose]() }
}

describeWithSynapse('a configuration that the homeserver', () => {
  let synapse: SynapseAccess
  beforeAll(async () => {
    synapse = await sharedSynapse()
  })

  test('agrees to is fine', async () => {
    await using service = await start(synapse, {})
    expect(await service.ready()).toEqual({ status: 200, homeserver: { status: 'pass' } })
    expect(service.warnings).toEqual([])
  })

  test.each([
    ['does not know by its token', { MATRIX_AS_TOKEN: 'wrong' }, /^The homeserver does not know MATRIX_AS_TOKEN: /],
    [
      'has another name than',
      { SERVER_NAME: 'example.org' },
      /^SERVER_NAME is example.org, but the homeserver is localhost: set SERVER_NAME=localhost$/
    ],
    [
      'is not reached with',
      { MATRIX_HOMESERVER_URL: 'http://127.0.0.1:9' },
      /^There is no homeserver that answers: .* MATRIX_HOMESERVER_URL /
    ]
  ])('%s is told of in one line, and holds nothing up', async (_, settings, problem) => {
    await using service = await start(synapse, settings)
    await until(() => service.warnings.length > 0, 'the mistake is told of')
    expect(service.warnings).toEqual([expect.stringMatching(problem)])
    expect(await service.ready()).toEqual({
      status: 200,
      homeserver: { status: 'warn', output: expect.stringMatching(problem) }
    })
  })
})

describeWithSynapse('a configuration of passthrough that the homeserver', () => {
  let synapse: SynapseAccess
  beforeAll(async () => {
    synapse = await sharedSynapse('passthrough')
  })

  test('agrees to is fine', async () => {
    await using service = await start(synapse, { MATRIX_MODE: 'passthrough' })
    await service.env.login()
    expect(await service.ready()).toEqual({ status: 200, homeserver: { status: 'pass' } })
  })

  test('has another name than is told of with the first user', async () => {
    await using service = await start(synapse, { MATRIX_MODE: 'passthrough', SERVER_NAME: 'example.org' })
    const { body } = await service.env.rest.post(`${CLIENT}/login`, loginBody(await createWallet()))
    await service.env.rest.as(body.access_token).get('/v1/friendships/me')
    await until(() => service.warnings.length > 0, 'the mistake is told of')
    expect(service.warnings).toEqual([expect.stringMatching(/^SERVER_NAME is example.org, but /)])
  })

  test('is not reached with is told of', async () => {
    await using service = await start(synapse, {
      MATRIX_MODE: 'passthrough',
      MATRIX_HOMESERVER_URL: 'http://127.0.0.1:9'
    })
    await until(() => service.warnings.length > 0, 'the mistake is told of')
    expect(service.warnings).toEqual([expect.stringMatching(/^There is no homeserver that answers: /)])
    expect((await service.ready()).homeserver.status).toBe('warn')
  })
})

describeWithSynapse('a registration that is left with a homeserver for passthrough', () => {
  const PASSTHROUGH = { MATRIX_MODE: 'passthrough' }
  const OPEN = { enable_registration: true, enable_registration_without_verification: true }
  const REGISTERED = /^MATRIX_MODE is passthrough, but the homeserver still has the registration .*M_EXCLUSIVE/
  let synapse: Synapse
  beforeAll(async () => {
    synapse = await startSynapse({ modules: [DECENTRALAND_LOGIN] })
  })
  afterAll(() => synapse.stop())

  const isTold = async (service: Awaited<ReturnType<typeof start>>): Promise<void> => {
    await until(() => service.warnings.length > 0, 'the mistake is told of')
    expect(service.warnings).toEqual([expect.stringMatching(REGISTERED)])
    expect(await service.ready()).toEqual({
      status: 200,
      homeserver: { status: 'warn', output: expect.stringMatching(REGISTERED) }
    })
  }

  test('is told of at the start, by the token that was left with this service', async () => {
    await using service = await start(synapse, { ...PASSTHROUGH, MATRIX_AS_TOKEN: synapse.asToken })
    await isTold(service)
  })

  test('is told of at the start where everybody can register', async () => {
    await using open = await startSynapse({ modules: [DECENTRALAND_LOGIN], overrides: OPEN })
    await using service = await start(open, PASSTHROUGH)
    await isTold(service)
  })

  test('is told of with the first room of two that nobody can make', async () => {
    await using service = await start(synapse, PASSTHROUGH)
    const [alice, bob] = await Promise.all([service.env.login(), service.env.login()])
    expect(service.warnings).toEqual([])
    const refused = await alice.rest.post(`${CLIENT}/createRoom`, service.env.pairRoom(bob))
    expect(refused).toMatchObject({ status: 400, body: { errcode: 'M_EXCLUSIVE' } })
    await isTold(service)
  })

  test('is not told of where there is none', async () => {
    await using open = await startSynapse({
      modules: [DECENTRALAND_LOGIN],
      overrides: { ...OPEN, app_service_config_files: [] }
    })
    await using service = await start(open, { ...PASSTHROUGH, MATRIX_AS_TOKEN: 'of-before' })
    const [alice, bob] = await Promise.all([service.env.login(), service.env.login()])
    const made = await alice.rest.post(`${CLIENT}/createRoom`, service.env.pairRoom(bob))
    expect(made.status).toBe(200)
    expect(service.warnings).toEqual([])
    expect((await service.ready()).homeserver).toEqual({ status: 'pass' })
  })
})

test('a warning of reserved names ends with the next room of two that is made', async () => {
  await using homeserver = await FakeHomeserver.start()
  await using service = await start(homeserver, { MATRIX_MODE: 'passthrough' })
  const { rest, userId } = { rest: service.env.rest.as('alice'), userId: service.env.userId(newAddress()) }
  const room = { preset: 'trusted_private_chat', is_direct: true, invite: [service.env.userId(newAddress())] }
  let areReserved = true
  homeserver.answer = (request, response) => {
    if (request.url?.endsWith('/whoami')) sendJson(response, 200, { user_id: userId })
    else if (areReserved) sendJson(response, 400, { errcode: 'M_EXCLUSIVE', error: 'Reserved' })
    else sendJson(response, 200, { room_id: '!room:localhost' })
  }
  expect(await rest.post(`${CLIENT}/createRoom`, room)).toMatchObject({ status: 400, body: { error: 'Reserved' } })
  expect((await service.ready()).homeserver.status).toBe('warn')
  areReserved = false
  expect((await rest.post(`${CLIENT}/createRoom`, room)).status).toBe(200)
  expect((await service.ready()).homeserver.status).toBe('pass')
})
