import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { NatsClient } from '../../src/world/nats-client.ts'
import { tryNats } from '../../src/world/nats-connection.ts'
import { natsReason } from '../../src/world/nats-reason.ts'
import { describeWithNats, freshFolder } from '../env/databases.ts'
import { NatsServer } from '../env/nats.ts'
import { paced } from '../env/pace.ts'
import { Peers } from '../env/peers.ts'
import { listenOnFreePort } from '../env/ports.ts'
import { until } from '../env/until.ts'

/** As the service has it. */
function serversOf(url: string) {
  const { nats } = readConfig({ PRESENCE_SOURCE: 'nats', NATS_URL: url }).presence
  if (!nats) throw new Error('There is no NATS in it')
  return nats
}

describeWithNats('a client of NATS', () => {
  const owned: AsyncDisposable[] = []
  const own = <Part extends AsyncDisposable>(part: Part): Part => {
    owned.unshift(part)
    return part
  }
  afterEach(async () => {
    for (const part of owned.splice(0)) await part[Symbol.asyncDispose]()
  })

  /** Listens to heartbeats. */
  function open(url: string, { remindMs = 60_000, silenceMs = 30_000 } = {}) {
    const received: string[] = []
    const lines: { level: string; msg: string; reason?: string }[] = []
    let connections = 0
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const client = new NatsClient({
      nats: serversOf(url),
      name: 'test',
      subscriptions: [
        {
          subject: 'peer.*.heartbeat',
          receive: subject => {
            received.push(subject)
            if (subject.includes('broken')) throw new Error('A fault of the service')
          }
        }
      ],
      silenceMs,
      onConnected: () => {
        connections += 1
      },
      logger: createLogger({ level: 'info', format: 'json', destination }),
      remindMs
    })
    own({ [Symbol.asyncDispose]: () => client.close() })
    const log = () => lines.map(({ level, msg, reason }) => `${level} ${msg}${reason ? `: ${reason}` : ''}`)
    return { client, received, log, connections: () => connections }
  }

  it('starts without it, says so once, and is connected when it comes', async () => {
    const server = own(await NatsServer.create())
    const { client, log, connections } = open(server.url)
    await until(() => client.problem?.includes('ECONNREFUSED') === true, 'it has tried')
    expect(client.isConnected).toBe(false)
    await server.start()
    await until(() => client.isConnected, 'it is connected')
    expect([client.problem, connections()]).toEqual([null, 1])
    expect(log()).toEqual([
      expect.stringMatching(/^warn NATS is away: .*: NATS cannot be reached \(.*ECONNREFUSED/),
      'info NATS is connected again'
    ])
  })

  it.each([
    ['once', 60_000, 1],
    ['again after a while', 1, 5]
  ])('says %s that it cannot be used, however often it tries', async (_, remindMs, lines) => {
    let tries = 0
    const server = createServer(socket => {
      tries += 1
      socket.destroy()
    })
    own({ [Symbol.asyncDispose]: async () => void server.close() })
    const { client, log } = open(`127.0.0.1:${await listenOnFreePort(server)}`, { remindMs })
    await until(() => tries > 5, 'it has tried several times')
    expect(log().length).toBeGreaterThanOrEqual(lines)
    if (lines === 1) expect(log()).toHaveLength(1)
    expect(client.isConnected).toBe(false)
  })

  it('listens again after NATS was killed and started again', async () => {
    const server = own(await NatsServer.start())
    const { client, received, connections, log } = open(server.url, { remindMs: 0 })
    await until(() => client.isConnected, 'it is connected')
    await server.stop('SIGKILL')
    await until(() => !client.isConnected, 'it notices')
    expect(client.problem).not.toBeNull()
    await server.start()
    await until(() => client.isConnected, 'it is connected again')
    expect(connections()).toBe(2)
    const peers = own(await Peers.connect(server))
    await peers.beat({ address: 'one' }, { address: 'broken' }, { address: 'two' })
    await until(() => received.length === 3, 'what comes after a fault is received too')
    expect(log().at(-1)).toBe('error A message of NATS could not be handled')
  })

  it('gives a connection up that looks alive and brings nothing', async () => {
    const server = own(await NatsServer.start())
    const { client } = open(server.url, { silenceMs: paced(600) })
    await until(() => client.isConnected, 'it is connected')
    server.freeze()
    await until(() => !client.isConnected, 'it notices')
    server.thaw()
    await until(() => client.isConnected, 'it is connected again')
  })

  it('goes to another server of the list when one is gone', async () => {
    const [one, two] = [own(await NatsServer.start()), own(await NatsServer.start())]
    const { client, connections } = open(`${one.url},127.0.0.1:${two.port}`)
    await until(() => client.isConnected, 'it is connected')
    await one.stop('SIGKILL')
    await two.stop('SIGKILL')
    await until(() => !client.isConnected, 'it notices')
    await two.start()
    await until(() => client.isConnected, 'it is connected to the other')
    expect(connections()).toBeGreaterThan(1)
  })

  it.each([
    ['a user and a password', ['--user', 'app', '--pass', 'p@ss:w/rd'], 'app:p%40ss%3Aw%2Frd@'],
    ['a token', ['--auth', 's3cr3t'], 's3cr3t@']
  ])('logs in with %s', async (_, options, login) => {
    const server = own(await NatsServer.start(...options))
    await tryNats(serversOf(server.url.replace('://', `://${login}`)), ['peer.*.heartbeat'])
    const wrong = tryNats(serversOf(server.url.replace('://', '://app:s3cr3t-wrong@')), ['peer.*.heartbeat'])
    const reason = natsReason(await wrong.catch((error: unknown) => error))
    expect(reason).toMatch(/^NATS refuses the user, the password or the token: correct NATS_URL/)
    expect(reason).not.toContain('s3cr3t')
    const { client, log } = open(server.url, { remindMs: 60_000 })
    await until(() => client.problem?.startsWith('NATS refuses') === true, 'it was refused')
    expect(log()).toHaveLength(1)
  })

  it('says that it may not listen, and does not take that for a connection', async () => {
    const folder = own(await freshFolder())
    const file = join(folder.path, 'nats.conf')
    await writeFile(file, 'authorization { users: [{user: app, password: pw, permissions: {subscribe: ["other"]}}] }')
    const server = own(await NatsServer.start('--config', file))
    const url = server.url.replace('://', '://app:pw@')
    const { client, connections } = open(url)
    await until(() => client.problem?.startsWith('NATS does not let this user listen') === true, 'it was refused')
    expect([client.isConnected, connections()]).toEqual([false, 0])
    await expect(tryNats(serversOf(url), ['peer.*.heartbeat'])).rejects.toThrow()
  })

  it('listens where it may do nothing else', async () => {
    const folder = own(await freshFolder())
    const file = join(folder.path, 'nats.conf')
    const app = '{user: app, password: pw, permissions: {subscribe: ["peer.>"], publish: {deny: [">"]}}}'
    await writeFile(file, `authorization { users: [${app}, {user: peers, password: pw}] }`)
    const server = own(await NatsServer.start('--config', file))
    const { client, received, connections } = open(server.url.replace('://', '://app:pw@'))
    await until(() => client.isConnected, 'it is connected')
    await expect(client.ask('social-service.test.worlds')).rejects.toThrow()
    client.answer('social-service.test.worlds', () => new Uint8Array())
    const peers = own(await Peers.connect(server, { user: 'peers', pass: 'pw' }))
    await peers.beat({ address: 'one' })
    await until(() => received.length === 1, 'it is received')
    expect([client.isConnected, connections()]).toEqual([true, 1])
  })
})
