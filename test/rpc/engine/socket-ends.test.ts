import { expect, it } from 'vitest'
import type { RpcLimits } from '../../../src/rpc/engine/limits.ts'
import type { SocketEnd } from '../../../src/rpc/engine/service.ts'
import { until } from '../../env/until.ts'
import { RawClient } from './clients.ts'
import { Engine } from './engine.ts'
import { request } from './frames.ts'

type Offence = (client: RawClient) => void

const cases: [string, SocketEnd, Partial<RpcLimits>, Offence][] = [
  ['its client closed', 'client', {}, client => client.socket.close()],
  ['its client closed with a code', 'client', {}, client => client.socket.close(4999, 'made up')],
  ['was cut', 'lost', {}, client => client.socket.terminate()],
  ['does not answer a ping', 'lost', { pingMs: 1, pongMs: 1 }, client => client.socket.pause()],
  ['sent text', 1003, {}, client => client.send('text')],
  ['sent no frame of the protocol', 1007, {}, client => client.send(Buffer.alloc(0))],
  ['sent too much', 1009, {}, client => client.send(Buffer.alloc(65_537))],
  ['was refused', 3003, {}, client => client.send('{}')],
  ['never says who it is, nor closes', 3004, { handshakeMs: 1, closeMs: 1 }, client => client.socket.pause()],
  ['is one too many', 1013, { connections: 0 }, () => {}]
]

it.each(cases)('a socket that %s is reported as %s', async (_, end, limits, offend) => {
  await using engine = await Engine.start(limits)
  using client = await RawClient.open(engine.url)
  offend(client)
  await until(() => engine.observed.ends.length > 0, 'it is gone')
  expect(engine.observed.ends).toEqual([end])
})

it('a stop reports the end of every socket', async () => {
  await using engine = await Engine.start()
  using one = await RawClient.open(engine.url)
  using other = await RawClient.open(engine.url)
  const { portId, ids } = await other.load()
  other.send(request(3, portId, ids['Idle']!))
  await until(() => engine.inside.started === 1, 'the stream runs')
  await engine.server.stop({ graceMs: 5000 })
  expect((await one.closed).code).toBe(1001)
  expect(engine.observed.ends).toEqual([1001, 1001])
})
