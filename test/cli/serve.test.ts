import { once } from 'node:events'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { TokenDevice } from '../env/device.ts'
import { logIn } from '../env/login.ts'
import { paced } from '../env/pace.ts'
import { program } from '../env/program.ts'
import { until } from '../env/until.ts'
import { Programs } from './programs.ts'

/** Compiling it counts as a preparation of the first test. */
beforeAll(program)

const programs = new Programs()
afterEach(() => programs[Symbol.asyncDispose]())

describe('a service that is started', () => {
  it('greets with its addresses, ends at Ctrl-C with 0 within 5 s, and has kept everything when it is back', async () => {
    const { httpUrl, rpcUrl, process } = await programs.create(await programs.dataDir())
    await process.start()
    const { port } = new URL(httpUrl)
    await until(() => process.output.includes('  Data '), 'the greeting is printed')
    expect(process.output).toContain(`  HTTP   http://localhost:${port}   (routes: http://localhost:${port}/docs)\n`)
    expect(process.output).toContain(`  RPC    ws://localhost:${new URL(rpcUrl).port}\n`)
    const wallets = [await createWallet(), await createWallet()] as const
    const [alice, bob] = await Promise.all(
      wallets.map(async wallet => new TokenDevice(wallet.address, await logIn(httpUrl, wallet)))
    )
    for (const device of [alice!, bob!]) await device.connect(rpcUrl)
    void bob!.listen()
    expect(await alice!.act('request', bob!.address, 'Shall we?')).toBe('event')

    const signalledAt = performance.now()
    expect(await process.stop('SIGINT')).toBe(0)
    expect(performance.now() - signalledAt).toBeLessThan(paced(5_000))

    await process.start()
    const headers = { authorization: `Bearer ${bob!.token}` }
    const requests = await (await fetch(`${httpUrl}/v1/friendships/me/requests`, { headers })).json()
    expect(requests).toMatchObject({ incoming: [{ address: alice!.address, message: 'Shall we?' }], outgoing: [] })
  })

  it('takes a signal that comes twice in a moment, as from a terminal and npm, for one', async () => {
    const { process } = await programs.create(await programs.dataDir())
    await process.start()
    process.signal('SIGINT')
    expect(await process.stop('SIGINT')).toBe(0)
  })

  it('ends at once at the second signal, also while it waits for its database', async () => {
    const { server, port } = await programs.listener() // which never says a word
    const settings = { DATABASE_URL: `postgres://social@127.0.0.1:${port}/social`, DATABASE_CONNECT_TIMEOUT: '1m' }
    const { process } = await programs.create(await programs.dataDir(), settings)
    const connected = once(server, 'connection')
    const started = process.start()
    await connected
    const signalledAt = performance.now()
    const ended = process.stop('SIGTERM')
    const again = setInterval(() => process.signal('SIGTERM'), 50)
    expect(await ended).toBe(1)
    clearInterval(again)
    expect(performance.now() - signalledAt).toBeLessThan(paced(5_000)) // and not the minute that it would have waited
    await expect(started).rejects.toThrow('ended with 1')
  })
})

describe('a service that cannot start ends with 1, and says', () => {
  it('who has its data folder, and what to do', async () => {
    const folder = await programs.dataDir()
    const first = await programs.create(folder)
    await first.process.start()
    const second = await programs.create(folder)
    await expect(second.process.start()).rejects.toThrow('ended with 1')
    const { output } = second.process
    expect(output).toContain(`The data folder ${folder.path} is in use by process ${first.process.pid} `)
    expect(output).toContain('DATA_DIR')
    expect(output).not.toContain('    at ')
    // The first one does not notice.
    expect((await fetch(`${first.httpUrl}/health/ready`)).status).toBe(200)
  })
})
