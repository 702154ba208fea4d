import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { createLogger } from '../../../src/observability/logger.ts'
import { loginBody } from '../../env/login.ts'
import { CLIENT, MatrixEnv } from '../../env/matrix.ts'
import {
  DECENTRALAND_LOGIN,
  describeWithSynapse,
  type Synapse,
  type SynapseAccess,
  sharedSynapse,
  startSynapse
} from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

/** A service and what it warns of. */
async function start(homeserver: SynapseAccess, settings: Record<string, string>) {
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
  let synapse: Synapse
  beforeAll(async () => {
    synapse = await startSynapse({ modules: [DECENTRALAND_LOGIN], overrides: { app_service_config_files: [] } })
  })
  afterAll(() => synapse.stop())

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
