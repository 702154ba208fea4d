import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { describeWithPostgres, freshFolder } from '../env/databases.ts'
import { program } from '../env/program.ts'
import { until } from '../env/until.ts'
import { newUser } from '../storage/stores.ts'
import { NotificationEnv } from './notification-env.ts'

describeWithPostgres('social-service notifications', () => {
  beforeAll(program)

  const run = async (DATABASE_URL: string, ...options: string[]): Promise<string[]> => {
    await using folder = await freshFolder()
    const [node = '', ...args] = await program()
    const env = { PATH: process.env['PATH'], DATABASE_URL }
    const { stdout } = await promisify(execFile)(node, [...args, 'notifications', ...options], {
      cwd: folder.path,
      env
    })
    return stdout.trim().split('\n')
  }

  test('lists what is parked of each sink, and lets it be tried again', async () => {
    await using env = await NotificationEnv.open('postgres', 'chat', 'mail')
    const [alice, bob] = [newUser(), newUser()]
    const request = await env.act(alice, 'request', bob, 'A secret between us')
    await env.act(bob, 'accept', alice)
    await env.change(alice, { friends: 'EVERYONE' })
    const store = env.store('chat')
    await store.enqueueFromLog(10)
    const error = 'The webhook answers 410'
    for (const leased of await store.lease(10, 60_000)) {
      await store.postpone(leased, { delayMs: 0, attempts: 300, error, parked: true })
    }
    const { url } = env.stores
    const [first, second, ofChat, ofMail, hint] = await run(url)
    expect(first).toMatch(
      new RegExp(`^${alice} request ${bob}  \\d+ days ago, 300 attempts, 1 more of the pair wait: ${error}$`)
    )
    expect(second).toBe(`${alice} settings  0 min ago, 300 attempts: ${error}`)
    expect(ofChat).toMatch(/^Waiting for webhook-chat: 3 \(the oldest for \d+ days\)\. Parked: 2\.$/)
    expect(ofMail).toMatch(/^Waiting for webhook-mail: 3 .*Parked: 0\.$/)
    expect(hint).toBe('"social-service notifications --retry" lets them be tried again.')
    expect(await run(url, '--retry')).toEqual([
      'To be tried again for webhook-chat: 2.',
      'To be tried again for webhook-mail: 0.'
    ])
    await env.dispatch()
    await until(() => env.receiver('chat').received.length === 3, 'it is told')
    expect(env.receiver('chat').received.some(({ data }) => data.seq === request.seq)).toBe(true)
  })

  test('says when there is nobody to tell', async () => {
    await using env = await NotificationEnv.open('postgres')
    expect(await run(env.stores.url)).toEqual(['No system is told what happens, and none ever was.'])
  })
})
