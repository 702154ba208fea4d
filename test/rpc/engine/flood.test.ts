import { describe, expect, it } from 'vitest'
import { paced } from '../../env/pace.ts'
import { until } from '../../env/until.ts'
import { Bystander, RawClient, RealClient } from './clients.ts'
import { upTo } from './echo-service.ts'
import { Engine } from './engine.ts'
import { ack, closeStream, createPort, request, TYPE } from './frames.ts'

it('of 5,000 ports and 2,000 streams on one socket those above the limits are refused', async () => {
  await using engine = await Engine.start()
  using bystander = await Bystander.open(engine.url)
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  for (let number = 10; number < 5010; number++) client.send(createPort(number))
  await until(() => client.frames.length === 5000, 'each is answered')
  expect(count(client, TYPE.CREATE_PORT_RESPONSE)).toBe(15)
  expect(errorsOf(client)).toEqual(new Map([['Too many ports', 4985]]))
  await bystander.call()

  client.frames.length = 0
  for (let number = 10_000; number < 12_000; number++) client.send(request(number, portId, ids['Idle']!))
  await until(() => client.frames.length === 2000, 'each is answered')
  expect(count(client, TYPE.STREAM_MESSAGE)).toBe(32)
  expect(errorsOf(client)).toEqual(new Map([['Too many streams at once', 1968]]))
  expect(engine.inside.started).toBe(32)
  await bystander.call()

  client.socket.close()
  await until(() => engine.inside.finished === 32, 'every stream has ended')
})

it('of 2,000 calls at once those above the limit are refused', async () => {
  await using engine = await Engine.start()
  using bystander = await Bystander.open(engine.url)
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  for (let number = 10; number < 2010; number++) client.send(request(number, portId, ids['Wait']!))
  await until(() => client.frames.length === 2000 - 64, 'those above the limit are answered')
  expect(errorsOf(client)).toEqual(new Map([['Too many calls at once', 2000 - 64]]))
  await bystander.call()
  engine.inside.answer()
  await until(() => count(client, TYPE.RESPONSE) === 64, 'the others are answered')
})

it('after 10,000 streams that open and close everything is as it was', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  const listeners = process.eventNames().map(name => process.listenerCount(name))
  const cycle = async (from: number, to: number): Promise<void> => {
    for (let number = from; number < to; number += 25) {
      for (let each = number; each < number + 25; each++) client.send(request(each, portId, ids['Idle']!))
      for (let each = number; each < number + 25; each++) client.send(closeStream(each, portId, 0))
      await until(() => engine.observed.calls.length === number + 25 - 10, 'they are over')
    }
  }
  await cycle(10, 10_010)
  await until(() => engine.inside.finished === engine.inside.started, 'every generator has ended')
  expect(process.eventNames().map(name => process.listenerCount(name))).toEqual(listeners)
  // Nothing of them counts any more: as many as may be open can be opened again.
  await client.taken()
  client.frames.length = 0
  for (let number = 20_000; number < 20_032; number++) client.send(request(number, portId, ids['Idle']!))
  await until(() => client.frames.length === 32, 'each is answered')
  expect(count(client, TYPE.STREAM_MESSAGE)).toBe(32)
})

it('500 sockets that open and close leave nothing behind', async () => {
  await using engine = await Engine.start()
  for (let i = 0; i < 500; i++) {
    using client = await RawClient.open(engine.url)
    client.send(createPort(1))
  }
  await until(() => engine.observed.open === 0 && engine.sessions === 0, 'all are gone')
  expect(engine.observed.closed).toHaveLength(500)
})

it('a consumer that never acknowledges is closed with 1008', async () => {
  await using engine = await Engine.start({ ackMs: 50 })
  using bystander = await Bystander.open(engine.url)
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.send(request(3, portId, ids['Endless']!))
  client.send(ack(3, portId, 0))
  expect((await client.closed).code).toBe(1008)
  await until(() => engine.inside.finished === 1, 'the stream has ended')
  // One was sent and one asked for ahead: nothing piled up.
  expect(engine.inside.asked).toBe(2)
  await bystander.call()
})

it('a client that is busy between two elements keeps its stream', async () => {
  await using engine = await Engine.start({ ackMs: 50 })
  using client = await RealClient.open(engine.url)
  using abandoner = await RawClient.open(engine.url)
  const stream = await client.stream('Numbers', upTo(1))
  await stream.next()
  // By the time at which this one is closed, the other has been busy for longer than the deadline.
  const { portId, ids } = await abandoner.load()
  abandoner.send(request(3, portId, ids['Endless']!))
  expect((await abandoner.closed).code).toBe(1008)
  expect(await stream.next()).toEqual({ done: true, value: undefined })
  expect(await client.call('Echo', Buffer.from('on'))).toEqual(new Uint8Array(Buffer.from('on')))
})

it('a consumer that never reads is closed, its memory is capped, and nobody else waits', async () => {
  const anonymousBufferedBytes = 262_144
  await using engine = await Engine.start({ anonymousBufferedBytes, closeMs: 200, calls: 10_000 })
  using bystander = await Bystander.open(engine.url)
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.socket.pause()
  const payload = Buffer.alloc(60_000)
  let slowest = 0
  let number = 2
  // More than the kernel takes, which is several megabytes on a loopback connection.
  while (engine.observed.open === 2 && number < 5000) {
    for (let i = 0; i < 20; i++) client.send(request(++number, portId, ids['Echo']!, payload))
    slowest = Math.max(slowest, await bystander.call())
  }
  await until(() => engine.observed.open === 1, 'it is cut off')
  expect(number).toBeLessThan(5000)
  expect(slowest).toBeLessThan(paced(1_000))
  await bystander.call()
})

it('a client that pings and never reads is closed', async () => {
  await using engine = await Engine.start({ anonymousBufferedBytes: 16_384, closeMs: 200 })
  using bystander = await Bystander.open(engine.url)
  using client = await RawClient.open(engine.url)
  client.socket.pause()
  const data = Buffer.alloc(125)
  for (let sent = 0; engine.observed.open === 2 && sent < 2_000_000; sent += 2000) {
    for (let i = 0; i < 2000; i++) client.socket.ping(data)
    await bystander.call()
  }
  await until(() => engine.observed.open === 1, 'it is cut off')
})

describe('a message in fragments', () => {
  const send = (client: RawClient, message: Uint8Array, fragments: number): void => {
    for (let at = 0; at < fragments; at++) {
      const part = at < fragments - 1 ? message.subarray(at, at + 1) : message.subarray(at)
      client.socket.send(part, { fin: at === fragments - 1, binary: true })
    }
  }

  it('is taken whole when they are few', async () => {
    await using engine = await Engine.start({ fragments: 4 })
    using client = await RawClient.open(engine.url)
    send(client, createPort(1), 4)
    expect((await client.next()).type).toBe(TYPE.CREATE_PORT_RESPONSE)
  })

  it('closes its socket with 1008 when they are many, long before they are as many bytes as a frame may have', async () => {
    await using engine = await Engine.start({ fragments: 4 })
    using bystander = await Bystander.open(engine.url)
    using client = await RawClient.open(engine.url)
    send(client, Buffer.alloc(5), 5)
    expect((await client.closed).code).toBe(1008)
    await until(() => engine.observed.ends.length === 1, 'it is counted')
    expect(engine.observed.ends).toEqual([1008])
    await bystander.call()
  })
})

function count(client: RawClient, type: number): number {
  return client.frames.filter(frame => frame.type === type).length
}

/** How often each text of an error came. */
function errorsOf(client: RawClient): Map<string, number> {
  const texts = new Map<string, number>()
  for (const { type, message } of client.frames) {
    if (type !== TYPE.REMOTE_ERROR) continue
    texts.set(message.errorMessage, (texts.get(message.errorMessage) ?? 0) + 1)
  }
  return texts
}
