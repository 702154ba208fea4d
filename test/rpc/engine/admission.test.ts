import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../../env/until.ts'
import { Bystander, RawClient } from './clients.ts'
import { Engine } from './engine.ts'
import { createPort, request, TYPE } from './frames.ts'

const ATTACKER = '127.0.0.66'

const portOf = ({ url }: Engine): number => Number(new URL(url).port)

/** A TCP connection from the attacker's address that sends nothing. */
function silent(engine: Engine): Socket {
  const socket = connect({ port: portOf(engine), host: '127.0.0.1', localAddress: ATTACKER })
  onTestFinished(() => void socket.destroy())
  return socket.on('error', () => undefined).resume()
}

/** A WebSocket that never lets a test fail by an error. */
function open(engine: Engine, options: { localAddress?: string; headers?: Record<string, string> }): WebSocket {
  const socket = new WebSocket(engine.url, { perMessageDeflate: false, ...options })
  onTestFinished(() => socket.terminate())
  return socket.on('error', () => undefined)
}

/** The status of the health check, asked from an address. */
async function health(engine: Engine, localAddress: string): Promise<number | undefined> {
  const options = { port: portOf(engine), host: '127.0.0.1', path: '/health/live', localAddress, agent: false }
  const [response] = (await once(httpRequest(options).end(), 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

describe('the TCP connections of one address', () => {
  const rpcConnections = { total: 12, perKey: 10 }

  it('are cut at once when they are too many, silent as they are, and others are served', async () => {
    await using engine = await Engine.start({}, { trustedProxies: [], rpcConnections })
    using bystander = await Bystander.open(engine.url)
    const sockets = Array.from({ length: 40 }, () => silent(engine))
    await until(() => sockets.filter(({ destroyed }) => destroyed).length === 30, 'those above the limit are cut')
    expect(engine.refused).toEqual(Array(30).fill('rpc-connections'))
    expect(await health(engine, '127.0.0.1')).toBe(200)
    await bystander.call()
    for (const socket of sockets) socket.destroy()
    await until(() => health(engine, ATTACKER).then(Boolean, () => false), 'there is room again')
  })

  it('keep their place until they are gone, when they ignore that the server is full', async () => {
    const limits = { connectionsPerIp: 2, closeMs: 60_000 }
    await using engine = await Engine.start(limits, { trustedProxies: [], rpcConnections })
    const sockets = Array.from({ length: 10 }, () => open(engine, { localAddress: ATTACKER }))
    for (const socket of sockets) socket.once('open', () => socket.pause())
    await until(() => engine.observed.open === 2 && sockets.every(({ isPaused }) => isPaused), 'all are upgraded')
    const [error] = await once(open(engine, { localAddress: ATTACKER }), 'error')
    expect(error.code).toBe('ECONNRESET')
    expect(await health(engine, '127.0.0.1')).toBe(200)
  })

  it('are those of the client that a trusted proxy names, and not of the proxy', async () => {
    const limits = { connectionsPerIp: 1 }
    await using engine = await Engine.start(limits, { rpcConnections: { total: 12, perKey: 2 } })
    const from = (ip: string): WebSocket => open(engine, { headers: { 'x-forwarded-for': ip } })
    // The ports, brackets and zones that proxies write make no other client, nor does another address of its network.
    const spellings = ['[2001:db8::1%eth0]:1', '2001:DB8::2', '[2001:db8::3]:70']
    const refused: string[] = []
    for (const spelling of spellings) {
      const socket = from(spelling)
      const [end] = await Promise.race([
        once(socket, 'open').then(() => ['open']),
        once(socket, 'unexpected-response').then(([, { statusCode }]) => [statusCode])
      ])
      socket.pause()
      refused.push(end)
    }
    expect(refused).toEqual(['open', 'open', 429])
    await once(from('192.0.2.7:1234'), 'open')
    await until(() => engine.observed.open === 2, 'one socket of each client is served')
  })
})

it('requests and sockets that come too fast from one address are refused, and health answers others', async () => {
  await using engine = await Engine.start({}, { trustedProxies: [], framesPerSecond: 4 })
  const answers = []
  while (answers.at(-1) !== 'cut') answers.push(await health(engine, ATTACKER).catch(() => 'cut'))
  expect(answers.length).toBeLessThan(500)
  const [, { statusCode }] = await once(open(engine, { localAddress: ATTACKER }), 'unexpected-response')
  expect(statusCode).toBe(429)
  expect(new Set(engine.refused)).toEqual(new Set(['frames']))
  expect(await health(engine, '127.0.0.1')).toBe(200)
})

describe('frames that come too fast on a socket on which nobody has shown who they are', () => {
  const budgets = { trustedProxies: [], framesPerSecond: 100 }
  /** What such an address may send at once. */
  const BURST = 500
  const attack = (engine: Engine): Promise<RawClient> => RawClient.open(engine.url, { localAddress: ATTACKER })
  const send = (client: RawClient, frames: number): void => {
    for (let sent = 0; sent < frames; sent++) client.send(createPort(sent))
  }

  it('are not read until they are within the budget of their address, and others are served meanwhile', async () => {
    await using engine = await Engine.start({}, budgets)
    using bystander = await Bystander.open(engine.url)
    using client = await attack(engine)
    const from = performance.now()
    send(client, BURST + 50)
    await until(() => client.frames.length === BURST + 50, 'what was read is answered')
    send(client, 1)
    await until(() => engine.refused.includes('frames'), 'the socket is not read for a while')
    await bystander.call()
    await until(() => client.frames.length === BURST + 51, 'it is read again')
    expect(performance.now() - from).toBeGreaterThan(300)
    expect(client.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('close the socket when they go on, although they come on several sockets', async () => {
    await using engine = await Engine.start({}, budgets)
    using bystander = await Bystander.open(engine.url)
    const clients = await Promise.all([attack(engine), attack(engine), attack(engine)])
    for (const client of clients) send(client, 2 * BURST)
    const ends = await Promise.all(clients.map(({ closed }) => closed))
    expect(ends.map(({ code }) => code)).toContain(1013)
    await until(() => engine.observed.open === 1, 'the others are cut off or closed')
    await bystander.call()
  })

  it('are counted by their bytes too', async () => {
    await using engine = await Engine.start({}, { trustedProxies: [], bytesPerSecond: 1_000 })
    using client = await attack(engine)
    client.send(request(3, 1, 1, Buffer.alloc(10_000)))
    expect(await client.closed).toEqual({ code: 1013, reason: 'Too many messages' })
    expect(engine.refused).toContain('bytes')
  })

  it('are counted with the pings among them', async () => {
    await using engine = await Engine.start({}, budgets)
    using client = await attack(engine)
    for (let sent = 0; sent < 4 * BURST; sent++) client.socket.ping()
    expect((await client.closed).code).toBe(1013)
  })

  it('are more than enough for who has shown who they are', async () => {
    await using engine = await Engine.start({ framesPerSecond: 10_000 }, budgets)
    using client = await attack(engine)
    const { portId, ids } = await client.load()
    client.send(request(3, portId, ids['Login']!))
    expect((await client.next()).type).toBe(TYPE.RESPONSE)
    send(client, 4 * BURST)
    await until(() => client.frames.length === 4 * BURST, 'each is answered')
    expect(engine.refused).toEqual([])
  })

  it('have a budget too when somebody has shown who they are', async () => {
    await using engine = await Engine.start({ framesPerSecond: 10 }, { trustedProxies: [] })
    using client = await attack(engine)
    const { portId, ids } = await client.load()
    client.send(request(3, portId, ids['Login']!))
    await client.next()
    send(client, BURST)
    expect(await client.closed).toEqual({ code: 1013, reason: 'Too many messages' })
  })
})
