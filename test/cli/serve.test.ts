import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { type Folder, freshDataDir } from '../env/databases.ts'
import { TokenDevice } from '../env/device.ts'
import { logIn } from '../env/login.ts'
import { paced } from '../env/pace.ts'
import { freePort, listenOnFreePort } from '../env/ports.ts'
import { program } from '../env/program.ts'
import { ServerProcess } from '../env/server-process.ts'
import { until } from '../env/until.ts'

/** Compiling it counts as a preparation of the first test. */
beforeAll(program)

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

interface Service {
  readonly httpUrl: string
  readonly rpcUrl: string
  readonly process: ServerProcess
}

/** The service as a process of its own, on an embedded database; not started. */
async function create(folder: Folder, settings: Readonly<Record<string, string>> = {}): Promise<Service> {
  const [httpPort, rpcPort] = [String(await freePort()), String(await freePort())]
  const env = { HOST: '127.0.0.1', HTTP_PORT: httpPort, RPC_PORT: rpcPort, DATA_DIR: folder.path, ...settings }
  const httpUrl = `http://127.0.0.1:${env.HTTP_PORT}`
  const isReady = (): Promise<boolean> =>
    fetch(`${httpUrl}/health/startup`, { signal: AbortSignal.timeout(paced(1_000)) }).then(
      ({ ok }) => ok,
      () => false
    )
  const process = new ServerProcess(await program(), isReady, { env })
  opened.push({ [Symbol.asyncDispose]: async () => void (await process.stop('SIGKILL')) })
  return { httpUrl, rpcUrl: `ws://127.0.0.1:${env.RPC_PORT}`, process }
}

async function dataDir(): Promise<Folder> {
  const folder = await freshDataDir()
  opened.push(folder)
  return folder
}

async function listener(): Promise<{ readonly server: Server; readonly port: string }> {
  const server = createServer()
  const port = String(await listenOnFreePort(server))
  opened.push({ [Symbol.asyncDispose]: async () => void server.close() })
  return { server, port }
}

describe('a service that is started', () => {
  it('greets with its addresses, ends at Ctrl-C with 0 within 5 s, and has kept everything when it is back', async () => {
    const { httpUrl, rpcUrl, process } = await create(await dataDir())
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
    const { process } = await create(await dataDir())
    await process.start()
    process.signal('SIGINT')
    expect(await process.stop('SIGINT')).toBe(0)
  })

  it('ends at once at the second signal, also while it waits for its database', async () => {
    const { server, port } = await listener() // which never says a word
    const settings = { DATABASE_URL: `postgres://social@127.0.0.1:${port}/social`, DATABASE_CONNECT_TIMEOUT: '1m' }
    const { process } = await create(await dataDir(), settings)
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
    const folder = await dataDir()
    const first = await create(folder)
    await first.process.start()
    const second = await create(folder)
    await expect(second.process.start()).rejects.toThrow('ended with 1')
    const { output } = second.process
    expect(output).toContain(`The data folder ${folder.path} is in use by process ${first.process.pid} `)
    expect(output).toContain('DATA_DIR')
    expect(output).not.toContain('    at ')
    // The first one does not notice.
    expect((await fetch(`${first.httpUrl}/health/ready`)).status).toBe(200)
  })

  it.each(['HTTP_PORT', 'RPC_PORT'])('that its port is in use: %s', async setting => {
    const { port } = await listener()
    const { process } = await create(await dataDir(), { [setting]: port })
    await expect(process.start()).rejects.toThrow('ended with 1')
    await until(() => process.output.includes(port), 'it says why')
    expect(process.output).toContain(`Port ${port} is in use: stop what listens there, or set HTTP_PORT or RPC_PORT.`)
    expect(process.output).not.toContain('    at ')
  })

  it('that its database cannot be reached', async () => {
    const settings = { DATABASE_URL: `postgres://social@127.0.0.1:${await freePort()}/social` }
    const { process } = await create(await dataDir(), settings)
    await expect(process.start()).rejects.toThrow('ended with 1')
    expect(process.output).toContain('The database cannot be reached: is it running, and is DATABASE_URL right?')
  })
})
