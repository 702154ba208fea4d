import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Budget } from '../../src/admission/admission.ts'
import type { ConnectionLimits } from '../../src/http/connections.ts'
import { httpMetrics } from '../../src/observability/http-metrics.ts'
import { MetricRegistry } from '../../src/observability/metric-registry.ts'
import { admission, startHttpServer } from '../env/rest.ts'
import { until } from '../env/until.ts'

const MEGABYTE = 'x'.repeat(1024 * 1024)
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

/** Resolves when a connection is gone, cut or not. */
const closed = (socket: Socket): Promise<void> => new Promise(resolve => socket.once('close', () => resolve()))

/** A server with a route that waits until it is told to answer, and one that answers much. */
async function start(limits: Partial<ConnectionLimits> = {}, budgets: Parameters<typeof admission>[0] = {}) {
  const registry = new MetricRegistry()
  const refusals: Budget[] = []
  const app = await startHttpServer({
    metrics: httpMetrics(registry),
    admission: admission(budgets, budget => refusals.push(budget)),
    connections: { requests: 16, takeMs: 60_000, ...limits }
  })
  let calls = 0
  let answer = (): void => {}
  const told = new Promise<void>(resolve => {
    answer = resolve
  })
  app.get('/wait', async () => {
    calls++
    await told
    return 'done'
  })
  app.get('/much', async () => MEGABYTE)
  await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    answer()
    await app.close()
  })
  const { port } = app.server.address() as AddressInfo
  return {
    refusals,
    answer,
    calls: () => calls,
    inFlight: async () => Number(/^http_requests_in_flight (\d+)$/m.exec(await registry.render())?.[1]),
    connect: (): Socket => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      onTestFinished(() => void socket.destroy())
      return socket
    }
  }
}

describe('requests that are sent ahead of their answers', () => {
  it('are answered in their order, up to the limit', async () => {
    const server = await start()
    const socket = server.connect()
    let text = ''
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    socket.write(get('/wait').repeat(16))
    await until(() => server.calls() === 16, 'all requests have come')
    server.answer()
    await until(() => text.split('done').length === 17, 'all requests are answered')
    expect(server.refusals).toEqual([])
  })

  it('cut the connection beyond it, and leave nothing of it under way', async () => {
    const server = await start()
    const socket = server.connect().resume()
    socket.write(get('/wait').repeat(1_000))
    await closed(socket)
    expect(server.calls()).toBeLessThanOrEqual(16)
    expect(server.refusals).toEqual(['frames'])
    await until(async () => (await server.inFlight()) === 0, 'nothing is under way')
  })

  it('cost their address, which has no other connection for a while', async () => {
    const server = await start({}, { framesPerSecond: 10 })
    for (let cut = 0; cut < 2; cut++) {
      const socket = server.connect().resume()
      socket.write(get('/wait').repeat(500))
      await closed(socket)
    }
    expect(server.calls()).toBeLessThanOrEqual(16)
    expect(server.refusals).toEqual(['frames', 'frames'])
  })
})

describe('an answer', () => {
  it('that is not taken in time ends its connection, whatever else the client sends', async () => {
    const server = await start({ takeMs: 200 })
    const socket = server.connect().pause()
    socket.write(get('/much').repeat(16))
    const more = setInterval(() => socket.write('\r\n'), 50)
    onTestFinished(() => clearInterval(more))
    await until(() => server.refusals.includes('answers'), 'the connection is cut')
    await until(async () => (await server.inFlight()) === 0, 'nothing is under way')
  })

  it('that is taken does not, however long it took to make', async () => {
    const server = await start({ takeMs: 100 })
    const socket = server.connect()
    let text = ''
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    socket.write(get('/much'))
    await until(() => text.endsWith(MEGABYTE), 'it is answered')
    socket.write(get('/wait'))
    await until(() => server.calls() === 1, 'the request has come')
    server.connect().pause().write(get('/much').repeat(16))
    await until(() => server.refusals.includes('answers'), 'a later one was not taken in time')
    server.answer()
    await until(() => text.endsWith('done'), 'it is answered')
  })
})

describe('connections', () => {
  it('are bounded for each address', async () => {
    const server = await start({}, { httpConnections: { total: 10, perKey: 2 } })
    for (let open = 0; open < 2; open++) {
      const socket = server.connect()
      socket.write(get('/wait'))
    }
    await until(() => server.calls() === 2, 'both are open')
    await closed(server.connect().resume())
    expect(server.refusals).toEqual(['http-connections'])
  })
})
