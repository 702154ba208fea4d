import { once } from 'node:events'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { RawClient } from './clients.ts'
import { Engine } from './engine.ts'

it('compression is not agreed upon', async () => {
  await using engine = await Engine.start()
  const socket = new WebSocket(engine.url, { perMessageDeflate: true })
  await once(socket, 'open')
  expect(socket.extensions).toBe('')
  socket.terminate()
})

it('the port answers that it is alive, and takes sockets only at its root', async () => {
  await using engine = await Engine.start()
  const http = engine.url.replace('ws:', 'http:')
  const alive = await fetch(`${http}health/live`)
  expect([alive.status, await alive.json()]).toEqual([200, 'alive'])
  const { status, headers } = await fetch(http)
  expect([status, headers.get('upgrade')]).toEqual([426, 'websocket'])
  expect((await fetch(`${http}metrics`)).status).toBe(404)
  using withQuery = await RawClient.open(`${engine.url}?v=1`)
  await withQuery.load()
  const elsewhere = new WebSocket(`${engine.url}elsewhere`)
  const [error] = await once(elsewhere, 'error')
  expect(error.message).toContain('404')
})
