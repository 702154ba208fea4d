import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { paced } from '../../env/pace.ts'
import { until } from '../../env/until.ts'
import { Bystander, RawClient } from './clients.ts'
import { Engine } from './engine.ts'
import { ack, createPort, element, header, nestedFrame, request, requestModule, TYPE } from './frames.ts'

const GOOD = JSON.stringify({ identity: 'good' })

describe('a frame that is none', () => {
  const truncated = request(3, 1, 1, Buffer.alloc(20)).subarray(0, -5)
  it.each([
    ['malformed', Buffer.from('\xff\xff\xff\xff\xff', 'latin1'), 1007],
    ['truncated', truncated, 1007],
    ['empty', new Uint8Array(0), 1007],
    ['of a type that only servers send', header(TYPE.RESPONSE, 1), 1007],
    ['an element of a client stream', element(1, 1, 1), 1007],
    ['nested 10,000 deep', nestedFrame(10_000), 1007],
    ['text', 'hello', 1003],
    ['larger than the limit', Buffer.alloc(65_537), 1009]
  ])('%s closes its socket, first or later, and no other', async (_, frame, code) => {
    await using engine = await Engine.start()
    using bystander = await Bystander.open(engine.url)
    using first = await RawClient.open(engine.url)
    first.send(frame)
    expect((await first.closed).code).toBe(code)
    using later = await RawClient.open(engine.url)
    await later.load()
    later.send(frame)
    expect((await later.closed).code).toBe(code)
    await bystander.call()
    await until(() => engine.sessions === 1 && engine.observed.open === 1, 'only the bystander is left')
  })

  it('a broken WebSocket frame closes its socket with 1002', async () => {
    await using engine = await Engine.start()
    using bystander = await Bystander.open(engine.url)
    using client = await RawClient.open(engine.url)
    // Reserved bits set, an opcode that does not exist.
    tcpOf(client).write(Buffer.from([0xff, 0x80, 0, 0, 0, 0]))
    expect((await client.closed).code).toBe(1002)
    await bystander.call()
  })
})

describe('the handshake of v2', () => {
  it.each([
    ['text', GOOD],
    ['binary', Buffer.from(GOOD)]
  ])('may come as %s', async (_, opening) => {
    await using engine = await Engine.start()
    using client = await RawClient.open(engine.url)
    client.send(opening)
    expect((await client.next()).type).toBe(TYPE.SERVER_READY)
    const { portId, ids } = await client.load()
    client.send(request(3, portId, ids['Echo']!, Buffer.from('hello')))
    expect((await client.next()).message.payload).toEqual(Buffer.from('hello'))
  })

  it('is not repeated', async () => {
    await using engine = await Engine.start()
    using client = await RawClient.open(engine.url)
    client.send(Buffer.from(GOOD))
    await client.next()
    client.send(Buffer.from(GOOD))
    expect((await client.closed).code).toBe(1007)
    expect(engine.handshakes).toBe(1)
  })

  it.each([
    ['refused', JSON.stringify({ identity: 'bad' }), 3003, 0],
    ['not JSON', '{"identity": ', 3003, 0],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 3003, 0],
    ['not verifiable now', JSON.stringify({ identity: 'unavailable' }), 1013, 0],
    ['a failure of the verifier', JSON.stringify({ identity: 'failure' }), 1011, 1]
  ])('that is %s closes the socket', async (_, opening, code, errors) => {
    await using engine = await Engine.start()
    using client = await RawClient.open(engine.url)
    client.send(opening)
    expect((await client.closed).code).toBe(code)
    expect(engine.errors).toHaveLength(errors)
    expect(engine.sessions).toBe(0)
  })

  it('is followed by the frames that came while it was verified, in their order', async () => {
    await using engine = await Engine.start()
    const verify = holdVerification(engine)
    using client = await RawClient.open(engine.url)
    client.send(GOOD)
    client.send(createPort(1))
    client.send(requestModule(2, 1))
    client.send(request(3, 1, 1, Buffer.from('hello')))
    await client.taken()
    expect(client.frames).toEqual([])
    verify()
    const types = [TYPE.SERVER_READY, TYPE.CREATE_PORT_RESPONSE, TYPE.REQUEST_MODULE_RESPONSE, TYPE.RESPONSE]
    for (const type of types) expect((await client.next()).type).toBe(type)
  })

  it('keeps a bounded number and size of frames meanwhile, and no text', async () => {
    await using engine = await Engine.start({ pendingFrames: 3, pendingBytes: 1000 })
    const verify = holdVerification(engine)
    const codeAfter = async (...frames: (Uint8Array | string)[]): Promise<number> => {
      using client = await RawClient.open(engine.url)
      client.send(GOOD)
      for (const frame of frames) client.send(frame)
      return (await client.closed).code
    }
    expect(await codeAfter(createPort(1), createPort(2), createPort(3), createPort(4))).toBe(1013)
    expect(await codeAfter(Buffer.alloc(600), Buffer.alloc(600))).toBe(1009)
    expect(await codeAfter(createPort(1), GOOD)).toBe(1003)
    verify()
    await until(() => engine.sessions === 0, 'what was verified in vain is disposed of')
  })

  it('of a socket that closes meanwhile leaves nothing behind', async () => {
    await using engine = await Engine.start()
    const verify = holdVerification(engine)
    let opened = 0
    for (let i = 0; i < 10; i++) {
      using client = await RawClient.open(engine.url)
      client.send(GOOD)
      client.send(createPort(1))
      opened++
      await until(() => engine.handshakes === opened, 'it is being verified')
    }
    await until(() => engine.observed.open === 0, 'the sockets are gone')
    expect(engine.sessions).toBe(0)
    verify()
    await engine.server.stop({ graceMs: 5000 })
    expect(engine.sessions).toBe(0)
  })
})

describe('the handshake deadline', () => {
  // Long enough for what has to be said before it is over.
  const handshakeMs = paced(150)

  it('closes a socket that says nothing with 3004', async () => {
    await using engine = await Engine.start({ handshakeMs })
    using client = await RawClient.open(engine.url)
    expect((await client.closed).code).toBe(3004)
  })

  it('is not extended by traffic', async () => {
    await using engine = await Engine.start({ handshakeMs })
    using client = await RawClient.open(engine.url)
    const { portId, ids } = await client.load()
    const closed = client.closed.then(closing => ({ ...closing, at: performance.now() }))
    const from = performance.now()
    let number = 2
    while (client.socket.readyState === WebSocket.OPEN) {
      client.send(request(++number, portId, ids['Echo']!))
      await Promise.race([client.next(), closed])
    }
    const { code, at } = await closed
    expect(code).toBe(3004)
    expect(number).toBeGreaterThan(3)
    expect(at - from).toBeLessThan(20 * handshakeMs)
  })

  it('ends a verification that takes too long', async () => {
    await using engine = await Engine.start({ handshakeMs })
    const verify = holdVerification(engine)
    using client = await RawClient.open(engine.url)
    client.send(GOOD)
    expect((await client.closed).code).toBe(3004)
    verify()
    await until(() => engine.sessions === 0, 'the session is disposed of')
  })

  it('does not concern who has shown a token, or was verified', async () => {
    await using engine = await Engine.start({ handshakeMs })
    using plain = await RawClient.open(engine.url)
    const { portId, ids } = await plain.load()
    plain.send(request(3, portId, ids['Login']!))
    await plain.next()
    using signed = await RawClient.open(engine.url)
    signed.send(GOOD)
    await signed.next()
    // Opened last, so its deadline comes after theirs.
    using silent = await RawClient.open(engine.url)
    await silent.closed
    for (const client of [plain, signed]) {
      client.send(createPort(9))
      expect((await client.next()).type).toBe(TYPE.CREATE_PORT_RESPONSE)
    }
  })

  it('closes a TCP connection that sends no request', async () => {
    await using engine = await Engine.start({ handshakeMs })
    const tcp = connect(Number(new URL(engine.url).port), '127.0.0.1')
    tcp.resume()
    await once(tcp, 'close')
  })
})

describe('a client that is gone', () => {
  it('is noticed by its missing pong', async () => {
    await using engine = await Engine.start({ pingMs: 30, pongMs: 60 })
    using bystander = await Bystander.open(engine.url)
    using client = await RawClient.open(engine.url)
    const { portId, ids } = await client.load()
    client.send(request(3, portId, ids['Idle']!))
    await client.next()
    client.socket.pause()
    await until(() => engine.inside.finished === 1, 'its stream has ended')
    await until(() => engine.observed.open === 1, 'its socket is gone')
    await bystander.call()
  })

  it('is noticed although it sends pongs that nobody asked for, and reads nothing', async () => {
    await using engine = await Engine.start({ pingMs: 30, pongMs: 60 })
    using bystander = await Bystander.open(engine.url)
    using client = await RawClient.open(engine.url)
    client.socket.pause()
    const pongs = setInterval(() => client.socket.pong(), 5)
    await until(() => engine.observed.open === 1, 'its socket is gone')
    clearInterval(pongs)
    await bystander.call()
  })

  it('or does not answer a close is cut off', async () => {
    await using engine = await Engine.start({ closeMs: 60 })
    using client = await RawClient.open(engine.url)
    client.socket.pause()
    client.send('text')
    await until(() => engine.observed.open === 0, 'its socket is gone')
  })
})

it('over the limit of connections a socket is closed with 1013, until one goes', async () => {
  await using engine = await Engine.start({ connections: 2 })
  using bystander = await Bystander.open(engine.url)
  using second = await RawClient.open(engine.url)
  for (let i = 0; i < 50; i++) {
    using third = await RawClient.open(engine.url)
    expect((await third.closed).code).toBe(1013)
  }
  await bystander.call()
  second.socket.close()
  await until(() => engine.observed.open === 1, 'there is room')
  using next = await RawClient.open(engine.url)
  await next.load()
})

it('over the limit of one IP address only sockets from there are closed; whose it is a trusted proxy says', async () => {
  await using engine = await Engine.start({ connectionsPerIp: 1 })
  const open = (ip: string): WebSocket => {
    const socket = new WebSocket(engine.url, { headers: { 'x-forwarded-for': `6.6.6.6, ${ip}` } })
    // To the engine it may be open while it is not yet to its client, and cutting it is then an error.
    return socket.on('error', () => {})
  }
  const sockets = ['1.1.1.1', '1.1.1.1', '2.2.2.2'].map(open)
  const [code] = await once(sockets[1] as WebSocket, 'close')
  expect(code).toBe(1013)
  await until(() => engine.observed.open === 2, 'the others are open')
  for (const socket of sockets) socket.terminate()
  await until(() => engine.observed.open === 0, 'they are gone')
  const next = open('1.1.1.1')
  await until(() => engine.observed.open === 1, 'there is room again')
  next.terminate()
})

it('a context is disposed of once, when its socket is gone', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  await client.load()
  expect(engine.sessions).toBe(1)
  client.socket.close()
  await until(() => engine.observed.open === 0, 'its socket is gone')
  expect(engine.sessions).toBe(0)
  expect(engine.observed.closed).toHaveLength(1)
})

it('a late acknowledgement of a stream that is over is no offence', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.send(ack(99, portId, 0))
  client.send(request(3, portId, ids['Echo']!))
  expect((await client.next()).type).toBe(TYPE.RESPONSE)
})

function holdVerification(engine: Engine): () => void {
  let verify = (): void => {}
  engine.verification = new Promise(resolve => (verify = resolve))
  return verify
}

/** The TCP socket under a WebSocket client, to send bytes that no client would. */
function tcpOf(client: RawClient): { write(bytes: Uint8Array): void } {
  return (client.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket
}
