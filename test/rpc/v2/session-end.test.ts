import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { createLogger } from '../../../src/observability/logger.ts'
import type { Env } from '../../env/app.ts'
import { Rest, startService } from '../../env/rest.ts'
import { connectV2, handshakeOf } from '../../env/v2.ts'
import { type Closing, RawClient } from '../engine/clients.ts'

const MINUTE = 60_000
const ENDED: Closing = { code: 3003, reason: 'The session has ended' }

const lines: string[] = []
const clock = { aheadMs: 0 }
let env: Env
beforeAll(async () => {
  const destination = { write: (line: string) => void lines.push(line) }
  const logger = createLogger({ level: 'debug', format: 'json', destination })
  env = await startService({}, { logger, now: () => Date.now() + clock.aheadMs, sweepMs: 100 })
})
afterAll(() => env.stop())

/** The socket of a wallet that was let in, by how it ends. */
async function open(wallet: Wallet): Promise<{ readonly closed: Promise<Closing> }> {
  const { service, socket } = await connectV2(env, wallet)
  await service.getSocialSettings({})
  const closed = new Promise<Closing>(resolve =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  )
  return { closed }
}

describe('a session of v2 ends', () => {
  it('when the user logs out everywhere, on every device of theirs', async () => {
    const wallet = await createWallet()
    const { rest } = await new Rest(env.app.httpUrl).login(wallet)
    const [first, second] = [await open(wallet), await open(wallet)]
    const other = await connectV2(env)
    await other.service.getSocialSettings({})
    expect((await rest.post('/_matrix/client/v3/logout/all')).status).toBe(200)
    expect(await Promise.all([first.closed, second.closed])).toEqual([ENDED, ENDED])
    await other.service.getSocialSettings({})
  })

  it('with the delegation of its handshake, and so does a token', async () => {
    const [short, long] = [await createWallet(2), await createWallet(60)]
    const { rest } = await new Rest(env.app.httpUrl).login(short)
    expect((await rest.get('/v1/friendships/me')).status).toBe(200)
    const { closed } = await open(short)
    const other = await connectV2(env, long)
    await other.service.getSocialSettings({})
    clock.aheadMs = 3 * MINUTE
    expect(await closed).toEqual(ENDED)
    expect((await rest.get('/v1/friendships/me')).status).toBe(401)
    await other.service.getSocialSettings({})
    clock.aheadMs = 0
  })
})

it('a handshake that is refused is told why, and the log at debug too', async () => {
  const refused = async (handshake: object): Promise<Closing> => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(JSON.stringify(handshake))
    return await client.closed
  }
  const stale = handshakeOf(await createWallet(), { timestamp: Date.now() - 6 * MINUTE })
  expect(await refused(stale)).toEqual({ code: 3003, reason: 'The handshake was refused: The signature is stale' })
  expect(lines.map(line => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ level: 'debug', msg: 'A handshake was refused', reason: 'The signature is stale' })
  )
  // What the client wrote itself is left out when it does not fit into a close frame.
  const name = `x-identity-${'é'.repeat(100)}`
  const twice = { ...stale, [name]: '1', [name.toUpperCase()]: '2' }
  expect(await refused(twice)).toEqual({ code: 3003, reason: 'The handshake was refused' })
})
