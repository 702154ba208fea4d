import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { paced } from '../../env/pace.ts'
import { until } from '../../env/until.ts'
import { RawClient } from './clients.ts'
import { Engine } from './engine.ts'
import { ack, request, TYPE } from './frames.ts'

it('sockets are closed with 1001, and new ones are refused', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  await client.load()
  const stopped = engine.server.stop({ graceMs: 5000 })
  expect((await client.closed).code).toBe(1001)
  await stopped
  await expect(RawClient.open(engine.url)).rejects.toThrow()
  const [error] = await once(connect(Number(new URL(engine.url).port), '127.0.0.1'), 'error')
  expect(error.code).toBe('ECONNREFUSED')
})

it('open calls are answered before their socket is closed, and new calls are refused', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.send(request(3, portId, ids['Wait']!, Buffer.from('late')))
  await until(() => engine.inside.waiting.length === 1, 'the call is open')
  const stopped = engine.server.stop({ graceMs: 10_000 })
  client.send(request(4, portId, ids['Echo']!))
  expect((await client.next()).message).toMatchObject({ errorCode: 503, errorMessage: 'The server is going away' })
  engine.inside.answer()
  expect(await client.next()).toMatchObject({ type: TYPE.RESPONSE, number: 3 })
  expect((await client.closed).code).toBe(1001)
  await stopped
})

it('streams end, and their clean-up is waited for', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  for (const number of [3, 4, 5]) client.send(request(number, portId, ids['Idle']!))
  await until(() => engine.inside.started === 3, 'the streams run')
  await engine.server.stop({ graceMs: 5000 })
  expect(engine.inside.finished).toBe(3)
  expect(engine.sessions).toBe(0)
})

it('what was sent on a stream is acknowledged before its socket is closed, and nothing more is sent', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.send(request(3, portId, ids['Endless']!))
  await client.next()
  client.send(ack(3, portId, 0))
  const { message } = await client.next()
  expect(message.sequenceId).toBe(1)
  const stopped = engine.server.stop({ graceMs: 10_000 })
  client.send(ack(3, portId, 1))
  expect((await client.closed).code).toBe(1001)
  await stopped
  expect(client.frames).toEqual([])
  expect(engine.inside.lastCall?.acknowledged).toBe(1)
})

it('a client that does not acknowledge what it was sent is not waited for', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.send(request(3, portId, ids['Endless']!))
  client.send(ack(3, portId, 0))
  await until(() => client.frames.length === 2, 'an element is sent')
  const from = performance.now()
  await engine.server.stop({ graceMs: 60_000 })
  expect(performance.now() - from).toBeLessThan(paced(10_000))
  expect((await client.closed).code).toBe(1001)
})

it('a call that does not come to its end is not waited for longer than the grace time', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const { portId, ids } = await client.load()
  client.send(request(3, portId, ids['Wait']!))
  await until(() => engine.inside.waiting.length === 1, 'the call is open')
  const from = performance.now()
  await engine.server.stop({ graceMs: 200 })
  expect(performance.now() - from).toBeLessThan(paced(2_000))
  expect((await client.closed).code).toBe(1001)
})

it('clients that do not answer the close are cut off', async () => {
  await using engine = await Engine.start({ closeMs: 60_000 })
  using client = await RawClient.open(engine.url)
  client.socket.pause()
  await engine.server.stop({ graceMs: 200 })
  expect(engine.observed.open).toBe(0)
})

it('sockets are not all closed in the same instant', async () => {
  await using engine = await Engine.start()
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(engine.url)))
  const closedAt = Promise.all(clients.map(client => client.closed.then(() => performance.now())))
  await engine.server.stop({ graceMs: 5000 })
  const times = await closedAt
  // Ten milliseconds lie between two of them.
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(100)
})

it('every stop is the same stop', async () => {
  await using engine = await Engine.start()
  using client = await RawClient.open(engine.url)
  const stops = [1, 2, 3].map(() => engine.server.stop({ graceMs: 5000 }))
  expect(new Set(stops).size).toBe(1)
  await Promise.all(stops)
  expect((await client.closed).code).toBe(1001)
  await engine.server.stop({ graceMs: 5000 })
})
