import { describe, expect, it } from 'vitest'
import { Connection } from '../../../src/rpc/engine/connection.ts'
import type { RpcLimits } from '../../../src/rpc/engine/limits.ts'
import { until } from '../../env/until.ts'
import { type Closing, parseFrame, type ServerFrame } from './clients.ts'
import { echoService, Inside, SECRET, upTo } from './echo-service.ts'
import { LIMITS, Observed } from './engine.ts'
import { ack, closeStream, createPort, destroyPort, request, requestModule, TYPE } from './frames.ts'

/** A connection without a socket. Port 1 is open, with the test's service loaded. */
class Bench {
  readonly inside = new Inside()
  readonly observed = new Observed()
  readonly errors: unknown[] = []
  readonly sent: ServerFrame[] = []
  readonly closings: Closing[] = []
  readonly connection: Connection<unknown>
  readonly ids: Readonly<Record<string, number>>
  buffered = 0

  constructor(limits: Partial<RpcLimits> = {}) {
    const service = echoService(this.inside)
    this.connection = new Connection<unknown>({
      peer: { id: 'c', ip: '::1', addressGroup: '127.0.0.1' },
      context: {},
      services: [service],
      limits: { ...LIMITS, ...limits },
      observer: this.observed,
      onError: error => this.errors.push(error),
      wire: {
        send: frame => this.sent.push(parseFrame(frame)),
        bufferedAmount: () => this.buffered,
        maxBuffered: { ...LIMITS, ...limits }.bufferedBytes,
        close: ({ code, reason }) => {
          this.closings.push({ code, reason })
          this.connection.end()
        },
        authenticated: () => undefined
      }
    })
    this.ids = Object.fromEntries(service.procedures.map(({ name }, index) => [name, index + 1]))
    this.connection.receive(createPort(1))
    this.connection.receive(requestModule(2, 1))
    this.sent.length = 0
  }

  call(number: number, name: string, payload?: Uint8Array, portId = 1): void {
    this.connection.receive(request(number, portId, this.ids[name]!, payload))
  }

  async next(): Promise<ServerFrame> {
    await until(() => this.sent.length > 0, 'a frame is sent')
    return this.sent.shift()!
  }

  async remoteError(): Promise<{ readonly number: number; readonly code: number; readonly text: string }> {
    const { type, number, message } = await this.next()
    expect(type).toBe(TYPE.REMOTE_ERROR)
    return { number, code: message.errorCode, text: message.errorMessage }
  }
}

describe('what cannot be had is a remote error', () => {
  it('an unknown port, module or procedure', async () => {
    const bench = new Bench()
    bench.connection.receive(requestModule(3, 99))
    bench.connection.receive(requestModule(4, 1, 'constructor'))
    bench.connection.receive(request(5, 99, 1))
    bench.connection.receive(request(6, 1, 0))
    bench.connection.receive(request(7, 1, 0xffff_ffff))
    expect(await bench.remoteError()).toEqual({ number: 3, code: 404, text: 'Unknown port' })
    expect(await bench.remoteError()).toEqual({ number: 4, code: 404, text: 'Unknown module' })
    expect(await bench.remoteError()).toEqual({ number: 5, code: 404, text: 'Unknown port' })
    expect(await bench.remoteError()).toEqual({ number: 6, code: 404, text: 'Unknown procedure' })
    expect(await bench.remoteError()).toEqual({ number: 7, code: 404, text: 'Unknown procedure' })
    expect(bench.closings).toEqual([])
  })

  it('a client stream, which is closed too', async () => {
    const bench = new Bench()
    bench.connection.receive(request(3, 1, bench.ids['Echo']!, new Uint8Array(0), 4))
    expect(await bench.next()).toMatchObject({ type: TYPE.STREAM_MESSAGE, number: 4, message: { closed: true } })
    expect(await bench.remoteError()).toEqual({ number: 3, code: 400, text: 'Client streams are not served' })
    expect(bench.closings).toEqual([])
  })

  it('a port, a call or a stream too many, and there is room again when one ends', async () => {
    const bench = new Bench({ ports: 2, calls: 2, streams: 2 })
    bench.connection.receive(createPort(3))
    bench.connection.receive(createPort(4))
    expect(await bench.next()).toMatchObject({ type: TYPE.CREATE_PORT_RESPONSE, message: { portId: 2 } })
    expect(await bench.remoteError()).toEqual({ number: 4, code: 429, text: 'Too many ports' })
    bench.connection.receive(destroyPort(2))
    bench.connection.receive(createPort(5))
    expect(await bench.next()).toMatchObject({ type: TYPE.CREATE_PORT_RESPONSE, number: 5 })

    for (const number of [10, 11, 12]) bench.call(number, 'Wait')
    expect(await bench.remoteError()).toEqual({ number: 12, code: 429, text: 'Too many calls at once' })
    bench.inside.answer()
    await until(() => bench.sent.length === 2, 'both are answered')
    bench.sent.length = 0
    bench.call(13, 'Echo')
    expect(await bench.next()).toMatchObject({ type: TYPE.RESPONSE, number: 13 })

    for (const number of [20, 21, 22]) bench.call(number, 'Idle')
    expect((await bench.next()).number).toBe(20)
    expect((await bench.next()).number).toBe(21)
    expect(await bench.remoteError()).toEqual({ number: 22, code: 429, text: 'Too many streams at once' })
    bench.connection.receive(closeStream(20, 1, 0))
    await until(() => bench.inside.finished === 1, 'the stream ends')
    bench.call(23, 'Idle')
    expect(await bench.next()).toMatchObject({ type: TYPE.STREAM_MESSAGE, number: 23 })
    expect(bench.closings).toEqual([])
  })

  it('never the words of an error, which go to the report', async () => {
    const bench = new Bench()
    bench.call(3, 'Throw')
    expect(await bench.remoteError()).toEqual({ number: 3, code: 500, text: 'Internal error' })
    bench.call(4, 'ThrowAtOnce')
    expect(await bench.remoteError()).toEqual({ number: 4, code: 500, text: 'Internal error' })
    bench.call(5, 'ThrowLater')
    await bench.next()
    bench.connection.receive(ack(5, 1, 0))
    await bench.next()
    bench.connection.receive(ack(5, 1, 1))
    expect(await bench.remoteError()).toEqual({ number: 5, code: 500, text: 'Internal error' })
    expect(bench.errors).toEqual([new Error(SECRET), new Error(SECRET), new Error(SECRET)])
    bench.call(6, 'Refuse')
    expect(await bench.remoteError()).toEqual({ number: 6, code: 403, text: 'Not for you' })
    expect(bench.errors).toHaveLength(3)
  })
})

it('loads a module once per port', async () => {
  const bench = new Bench()
  bench.connection.receive(requestModule(3, 1))
  const { procedures } = (await bench.next()).message
  expect(Object.fromEntries(procedures.map((each: never) => [each['procedureName'], each['procedureId']]))).toEqual(
    bench.ids
  )
})

it('a message number that is in use closes the connection with 1002', async () => {
  for (const busy of ['Wait', 'Idle']) {
    for (const again of [createPort(3), requestModule(3, 1), request(3, 1, 1)]) {
      const bench = new Bench()
      bench.call(3, busy)
      bench.connection.receive(again)
      expect(bench.closings).toEqual([{ code: 1002, reason: 'Message number in use' }])
    }
  }
})

it('a message number may be used again when its call is over', async () => {
  const bench = new Bench()
  bench.call(3, 'Echo')
  await bench.next()
  bench.call(3, 'Idle')
  bench.connection.receive(closeStream(3, 1, 0))
  bench.call(3, 'Echo')
  expect((await bench.next()).type).toBe(TYPE.STREAM_MESSAGE)
  expect((await bench.next()).type).toBe(TYPE.RESPONSE)
  expect(bench.closings).toEqual([])
})

describe('when a port is destroyed', () => {
  it('its calls and streams end, the client is told, and those of other ports go on', async () => {
    const bench = new Bench()
    bench.connection.receive(createPort(3))
    bench.connection.receive(requestModule(4, 2))
    bench.sent.length = 0
    bench.call(10, 'Wait')
    bench.call(11, 'Idle')
    bench.call(12, 'Idle', undefined, 2)
    await until(() => bench.inside.started === 2, 'both streams run')
    bench.sent.length = 0
    bench.connection.receive(destroyPort(1))
    expect(await bench.remoteError()).toEqual({ number: 10, code: 503, text: 'The port was closed' })
    expect(await bench.next()).toMatchObject({ type: TYPE.STREAM_MESSAGE, number: 11, message: { closed: true } })
    await until(() => bench.inside.finished === 1, 'the stream ends')
    bench.inside.answer()
    bench.call(13, 'Echo', undefined, 2)
    expect(await bench.next()).toMatchObject({ type: TYPE.RESPONSE, number: 13 })
    expect(bench.inside.finished).toBe(1)
    expect(bench.observed.calls.map(({ procedure, code }) => `${procedure} ${code}`)).toEqual([
      'Wait canceled',
      'Idle canceled',
      'Echo ok'
    ])
  })

  it('procedures that run on still count against the limits', async () => {
    const bench = new Bench({ calls: 1, streams: 1 })
    bench.call(10, 'Wait')
    bench.call(11, 'Deaf')
    bench.connection.receive(destroyPort(1))
    bench.connection.receive(createPort(3))
    bench.connection.receive(requestModule(4, 2))
    await until(() => bench.inside.waiting.length === 1 && bench.inside.started === 1, 'both run')
    bench.sent.length = 0
    bench.call(12, 'Wait', undefined, 2)
    expect(await bench.remoteError()).toMatchObject({ number: 12, code: 429 })
    bench.call(13, 'Deaf', undefined, 2)
    expect(await bench.remoteError()).toMatchObject({ number: 13, code: 429 })
  })
})

describe('the signal of a call', () => {
  it('aborts when the connection ends, and was aborted when it is asked for only then', async () => {
    const bench = new Bench()
    bench.call(3, 'Wait')
    const { lastCall: early } = bench.inside
    expect(early?.signal.aborted).toBe(false)
    bench.call(4, 'Wait')
    const { lastCall: late } = bench.inside
    bench.connection.end()
    expect(early?.signal.aborted).toBe(true)
    expect(late?.signal.aborted).toBe(true)
  })

  it('aborts when the client closes the stream', async () => {
    const bench = new Bench()
    bench.call(3, 'Idle')
    bench.connection.receive(closeStream(3, 1, 0))
    expect(bench.inside.lastCall?.signal.aborted).toBe(true)
    await until(() => bench.inside.finished === 1, 'the generator ends')
  })
})

describe('when the connection ends', () => {
  it('every stream ends, also after one whose end fails', async () => {
    const bench = new Bench()
    bench.call(3, 'FailToEnd')
    for (const number of [4, 5, 6]) bench.call(number, 'Idle')
    bench.call(7, 'Deaf')
    await until(() => bench.inside.started === 4, 'all run')
    bench.connection.end()
    await until(() => bench.inside.finished === 3 && bench.errors.length === 1, 'those end that can')
    expect(bench.errors).toEqual([new Error(SECRET)])
    expect(bench.observed.calls).toHaveLength(5)
  })

  it('nothing more is sent or taken', async () => {
    const bench = new Bench()
    bench.call(3, 'Wait')
    bench.connection.end()
    bench.inside.answer()
    bench.call(4, 'Echo')
    await bench.connection.drain()
    expect(bench.sent).toEqual([])
  })
})

it('a client that does not read is closed with 1013 when too much waits', async () => {
  const bench = new Bench({ bufferedBytes: 1000 })
  bench.buffered = 900
  bench.call(3, 'Echo', Buffer.alloc(50))
  expect((await bench.next()).number).toBe(3)
  bench.call(4, 'Echo', Buffer.alloc(200))
  await until(() => bench.closings.length === 1, 'it is closed')
  expect(bench.closings[0]?.code).toBe(1013)
  expect(bench.sent).toEqual([])
})

it('draining waits for open calls and refuses new ones', async () => {
  const bench = new Bench()
  bench.call(3, 'Wait')
  let drained = false
  const draining = bench.connection.drain().then(() => (drained = true))
  bench.call(4, 'Echo')
  expect(await bench.remoteError()).toEqual({ number: 4, code: 503, text: 'The server is going away' })
  expect(drained).toBe(false)
  bench.inside.answer()
  await draining
  expect(await bench.next()).toMatchObject({ type: TYPE.RESPONSE, number: 3 })
})

it('calls are counted with what they took and gave', async () => {
  const bench = new Bench()
  bench.call(3, 'Echo', Buffer.alloc(10))
  await bench.next()
  bench.call(4, 'Numbers', upTo(3))
  for (const sequence of [0, 1, 2, 3]) {
    await bench.next()
    bench.connection.receive(ack(4, 1, sequence))
  }
  await bench.next()
  bench.call(5, 'Refuse')
  await bench.next()
  expect(bench.observed.calls).toEqual([
    { procedure: 'Echo', code: 'ok', bytesIn: 10, bytesOut: 10 },
    { procedure: 'Numbers', code: 'ok', bytesIn: 4, bytesOut: 12 },
    { procedure: 'Refuse', code: 'forbidden', bytesIn: 0, bytesOut: 0 }
  ])
})
