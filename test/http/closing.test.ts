import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EthereumNode, startEthereumNode } from '../auth/ethereum-node.ts'
import type { Env } from '../env/app.ts'
import { Rest, startService } from '../env/rest.ts'
import { until } from '../env/until.ts'

const WALLET = '0x00000000000000000000000000000000000000c0'
/** Longer than any test may take: a test that waits for it fails. */
const NEVER = '10m'
const LIVE = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'

/** What the Ethereum node answers: that the contract does not confirm the signature. */
const REVERTED = { error: { code: 3, message: 'execution reverted' } }

/** Logins of a contract wallet stay open until these are answered; null when that is done. */
let held: ServerResponse[] | null
let node: EthereumNode
beforeEach(async () => {
  held = []
  node = await startEthereumNode((_, response) => {
    held?.push(response)
    return held ? null : REVERTED
  })
})
afterEach(() => node[Symbol.asyncDispose]())

const start = (settings: Record<string, string>): Promise<Env> =>
  startService({ ETHEREUM_RPC_URL: node.url, ETHEREUM_TIMEOUT: '1m', LOG_LEVEL: 'silent', ...settings })

let timestamp = Date.now()
function heldLogin(): string {
  timestamp -= 1
  const body = JSON.stringify({
    type: 'm.login.decentraland',
    identifier: { type: 'm.id.user', user: WALLET },
    timestamp: String(timestamp),
    auth_chain: [
      { type: 'SIGNER', payload: WALLET },
      { type: 'ECDSA_EIP_1654_SIGNED_ENTITY', payload: String(timestamp), signature: '0xab' }
    ]
  })
  return `POST /_matrix/client/r0/login HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** A connection that keeps what comes. */
class Connection {
  readonly #socket: Socket
  readonly closed: Promise<unknown>
  text = ''

  constructor(env: Env, text: string) {
    const { hostname, port } = new URL(env.app.httpUrl)
    this.#socket = connect(Number(port), hostname)
    this.#socket.setEncoding('utf8').on('data', chunk => {
      this.text += chunk
    })
    this.#socket.on('error', () => {})
    this.closed = once(this.#socket, 'close')
    this.#socket.write(text)
  }

  send(text: string): void {
    this.#socket.write(text)
  }

  abort(): void {
    this.#socket.destroy()
  }
}

describe('a stop', () => {
  it('ends connections on which nothing is asked', async () => {
    const env = await start({ SHUTDOWN_GRACE: NEVER })
    const connections = [LIVE, LIVE, ''].map(text => new Connection(env, text))
    await until(() => connections.filter(({ text }) => text.includes('"alive"')).length === 2, 'two are answered')
    await env.stop()
    await Promise.all(connections.map(({ closed }) => closed))
  })

  it('lets what was asked be answered, and keeps no connection after that', async () => {
    const env = await start({ SHUTDOWN_GRACE: NEVER })
    const connection = new Connection(env, heldLogin())
    await until(() => held?.length === 1, 'the login is under way')
    const stopped = env.stop()
    await until(() => isRefused(env), 'no new connection is taken')
    expect(connection.text).toBe('')
    release()
    await stopped
    await connection.closed
    expect(connection.text).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
    expect(connection.text).toMatch(/^connection: close\r$/im)
    expect(connection.text).toContain('M_FORBIDDEN')
  })

  it('waits for nobody longer than the grace', async () => {
    const env = await start({ SHUTDOWN_GRACE: '100ms', HTTP_REQUEST_TIMEOUT: NEVER })
    const waiting = new Connection(env, heldLogin())
    const sending = new Connection(
      env,
      'POST /_matrix/client/r0/login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'
    )
    await until(() => held?.length === 1, 'the login is under way')
    await env.stop()
    await Promise.all([waiting.closed, sending.closed])
    release()
  })
})

describe('a request that does not arrive', () => {
  it.each([
    ['nothing at all', ''],
    ['half a line', 'GET /health'],
    ['half of its headers', 'GET /health/live HTTP/1.1\r\nHost: x\r\n'],
    ['half of its body', 'POST /_matrix/client/r0/login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"a"'],
    ['half of a chunk', 'POST /_matrix/client/r0/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{']
  ])('is ended in time, when it is %s', async (_, text) => {
    await using env = await start({ HTTP_REQUEST_TIMEOUT: '200ms' })
    const connection = new Connection(env, text)
    await connection.closed
    expect(connection.text).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
    const body = JSON.parse(connection.text.slice(connection.text.indexOf('\r\n\r\n')))
    expect(body).toMatchObject({ code: 408, errcode: 'M_UNKNOWN' })
  })

  it('is ended in time, though it goes on in small drops', async () => {
    await using env = await start({ HTTP_REQUEST_TIMEOUT: '500ms' })
    const connection = new Connection(env, 'GET /health/live HTTP/1.1\r\nHost: x\r\n')
    const drops = setInterval(() => connection.send('a: b\r\n'), 20)
    await connection.closed
    clearInterval(drops)
    expect(connection.text).toMatch(/^HTTP\/1.1 408 /)
  })
})

it('a client that does not wait for its answer is counted, and is not in flight any more', async () => {
  await using env = await start({ METRICS_TOKEN: 'metrics-token' })
  const metrics = async (series: string): Promise<string | undefined> => {
    const { text } = await new Rest(env.app.httpUrl, 'metrics-token').get('/metrics')
    return text.split('\n').find(line => line.startsWith(`${series} `))
  }
  const connection = new Connection(env, heldLogin())
  await until(() => held?.length === 1, 'the login is under way')
  expect(await metrics('http_requests_in_flight')).toBe('http_requests_in_flight 2')
  connection.abort()
  await until(async () => (await metrics('http_requests_in_flight')) === 'http_requests_in_flight 1', 'it is over')
  const series = 'http_request_duration_seconds_count{method="POST",route="/_matrix/client/r0/login",code="499"}'
  expect(await metrics(series)).toBe(`${series} 1`)
  release()
})

/** Lets the logins go on, to be refused. */
function release(): void {
  for (const response of held ?? []) response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...REVERTED }))
  held = null
}

async function isRefused(env: Env): Promise<boolean> {
  return fetch(`${env.app.httpUrl}/health/live`).then(
    () => false,
    () => true
  )
}
