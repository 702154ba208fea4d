import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LeasedEvent } from '../../../src/storage/outbox.ts'
import { freshFolder, postgresUrl } from '../../env/databases.ts'
import { newAddress } from '../homeserver.ts'
import { OutboxEnv } from './outbox-env.ts'

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const NOWHERE = { url: 'http://127.0.0.1:9', serverName: 'localhost', asToken: 'a', hsToken: 'h', adminSecret: 's' }

describe.skipIf(postgresUrl === null)('social-service outbox', () => {
  let env: OutboxEnv
  beforeAll(async () => {
    env = await OutboxEnv.open(NOWHERE)
  })
  afterAll(() => env[Symbol.asyncDispose]())

  async function run(...options: string[]): Promise<string> {
    await using folder = await freshFolder()
    const variables = { PATH: process.env['PATH'], DATABASE_URL: env.databaseUrl }
    const args = ['--import', fileURLToPath(import.meta.resolve('tsx')), MAIN, 'outbox', ...options]
    return (await promisify(execFile)(process.execPath, args, { cwd: folder.path, env: variables })).stdout
  }

  test('lists what is parked, and lets it be tried again', async () => {
    const [alice, bob] = [newAddress(), newAddress()]
    expect(await run()).toBe('Waiting for the homeserver: 0. Parked: 0.\n')
    await env.act(alice, 'request', bob, 'A secret between us')
    await env.act(bob, 'accept', alice)
    await env.store.enqueueFromLog(10)
    const [leased] = await env.store.lease(1, 60_000)
    const error = 'Homeserver call createRoom: forbidden 403 M_FORBIDDEN'
    await env.store.postpone(leased as LeasedEvent, { delayMs: 0, attempts: 3, error, parked: true })

    const listed = `${alice} request ${bob}  0 min ago, 3 attempts, 1 more of the pair wait: ${error}`
    const summary = 'Waiting for the homeserver: 2 (the oldest for 0 min). Parked: 1.'
    expect((await run()).split('\n').slice(0, 2)).toEqual([listed, summary])
    expect(await run('--retry')).toBe('To be tried again: 1.\n')
    expect((await env.store.lease(1, 60_000)).map(({ event }) => event.seq)).toEqual([leased?.event.seq])
  })

  test('takes no other words', async () => {
    await expect(run('--everything')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('Usage') })
  })
})
