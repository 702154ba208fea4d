import { afterAll, beforeEach, expect } from 'vitest'
import { FakeHomeserver, type Received, sendJson } from '../../env/fake-homeserver.ts'
import { MatrixEnv, type MatrixUser } from '../../env/matrix.ts'

/** The service in front of a stand-in, for one file of tests. */
interface FakeHomeserverEnv {
  readonly homeserver: FakeHomeserver
  readonly env: MatrixEnv
  readonly alice: MatrixUser
  /** The only request that came to the homeserver in this test. */
  received(): Received
}

/** Each test begins with a homeserver that has received nothing, and answers everything with `{"well":true}`. */
export async function startWithFakeHomeserver(settings: Record<string, string> = {}): Promise<FakeHomeserverEnv> {
  const homeserver = await FakeHomeserver.start()
  const env = await MatrixEnv.start(homeserver, settings)
  afterAll(async () => {
    await env[Symbol.asyncDispose]()
    await homeserver[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    homeserver.received.length = 0
    homeserver.answer = (_, response) => sendJson(response, 200, { well: true })
  })
  const received = (): Received => {
    expect(homeserver.received).toHaveLength(1)
    return homeserver.received[0] as Received
  }
  return { homeserver, env, alice: await env.login(), received }
}

/** Limits that a test can reach. */
export const SMALL_LIMITS = {
  MATRIX_TIMEOUT: '500ms',
  MATRIX_BODY_LIMIT: '10kb',
  MATRIX_MEDIA_LIMIT: '6mb',
  MATRIX_MAX_REQUESTS_PER_USER: '4'
}
