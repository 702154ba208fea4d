import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Env } from '../env/app.ts'
import { freePort } from '../env/ports.ts'
import { Rest } from '../env/rest.ts'
import { until } from '../env/until.ts'

let env: Env
let port: number
beforeEach(async () => {
  port = await freePort()
  env = await Env.start({ HTTP_PORT: String(port), RPC_PORT: String(port) })
})
afterEach(() => env.stop())

test('HTTP and RPC are served on one port, and end with it', async () => {
  expect(env.app.httpUrl).toBe(`http://localhost:${port}`)
  expect(env.app.rpcUrl).toBe(`ws://localhost:${port}`)
  const [alice, bob] = [await env.login(), await env.login()]
  const updates = await env.updates(bob)
  await alice.client.requestFriendship(bob.address, 'Shall we?')
  await until(() => updates.events.length === 1, 'Bob is told')

  const http = new Rest(`http://127.0.0.1:${port}`)
  expect((await http.get('/health/ready')).status).toBe(200)
  expect((await http.get('/v1/friendships/me/requests')).status).toBe(400)
  expect((await http.get('/')).status).toBe(404)

  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(socket, 'open')
  const closed = once(socket, 'close')
  await env.app.stop()
  expect((await closed)[0]).toBe(1001)
  await expect(http.get('/health/live')).rejects.toThrow('fetch failed')
})

test('an upgrade that is not of the socket is answered in HTTP', async () => {
  const answerTo = async (head: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', chunk => {
      answer += chunk
    })
    socket.write(`${head}\r\nHost: x\r\n`)
    socket.write('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n')
    await once(socket, 'close')
    return answer
  }
  const alive = await answerTo('GET /health/live HTTP/1.1')
  expect(alive).toMatch(/^HTTP\/1\.1 200 /)
  expect(alive).toMatch(/"alive"$/)
  expect(await answerTo('GET / HTTP/1.1')).toMatch(/^HTTP\/1\.1 404 /)
  expect(await answerTo('POST /_matrix/client/r0/login HTTP/1.1\r\nContent-Length: 2')).toMatch(/^HTTP\/1\.1 400 /)

  const elsewhere = new WebSocket(`ws://127.0.0.1:${port}/elsewhere`)
  const [error] = await once(elsewhere, 'error')
  expect(String(error)).toContain('404')
})
