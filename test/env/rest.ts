import { once } from 'node:events'
import { connect } from 'node:net'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { Admission, type AdmissionOptions, type Budget } from '../../src/admission/admission.ts'
import type { Overrides } from '../../src/app/app.ts'
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.ts'
import { httpMetrics } from '../../src/observability/http-metrics.ts'
import { MetricRegistry } from '../../src/observability/metric-registry.ts'
import { Env } from './app.ts'
import { freshPostgres, postgresUrl, silent } from './databases.ts'
import { loginBody } from './login.ts'

/** Starts the service on the database that is ready first: a new one on PostgreSQL, or an embedded one. */
export async function startService(settings: Record<string, string> = {}, overrides: Overrides = {}): Promise<Env> {
  const isGiven = postgresUrl === null || 'DATABASE_URL' in settings
  const database = isGiven ? {} : { DATABASE_URL: await freshPostgres(), DATABASE_POOL_SIZE: '4' }
  return Env.start({ ...database, ...settings }, overrides)
}

/** Budgets of addresses as a test has them: without limits, but for those that it is about. */
export function admission(options: Partial<AdmissionOptions> = {}, onRefused = (_: Budget): void => {}): Admission {
  const unlimited = { total: Number.MAX_SAFE_INTEGER, perKey: Number.MAX_SAFE_INTEGER }
  const all = {
    trustedProxies: [],
    ipv6Prefix: 64,
    failedLoginsPerMinute: 1_000_000,
    framesPerSecond: 1_000_000,
    bytesPerSecond: 1_000_000_000,
    httpConnections: unlimited,
    rpcConnections: unlimited,
    answerBytes: unlimited
  }
  return new Admission({ ...all, ...options }, onRefused)
}

/** The HTTP server alone, for routes of a test. */
export function startHttpServer(options: Partial<HttpServerOptions> = {}): ReturnType<typeof createHttpServer> {
  return createHttpServer({
    logger: silent,
    admission: admission(),
    metrics: httpMetrics(new MetricRegistry()),
    publicUrl: '/',
    bodyLimit: 1024,
    requestTimeoutMs: 60_000,
    silenceMs: 60_000,
    graceMs: () => 0,
    connections: { requests: 16, takeMs: 60_000 },
    corsOrigins: '*',
    trustedProxies: [],
    ...options
  })
}

/** What came back over HTTP. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The text as JSON, or undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at bodies of every shape
  readonly body: any
}

interface Options {
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly text?: string
  readonly headers?: Record<string, string>
}

/** Calls one service over HTTP, with or without a token. */
export class Rest {
  readonly url: string
  readonly token: string | null

  constructor(url: string, token: string | null = null) {
    this.url = url
    this.token = token
  }

  as(token: string): Rest {
    return new Rest(this.url, token)
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.send('GET', path, { ...(headers && { headers }) })
  }

  post(path: string, json: unknown = {}): Promise<Answer> {
    return this.send('POST', path, { json })
  }

  put(path: string, json: unknown): Promise<Answer> {
    return this.send('PUT', path, { json })
  }

  async send(method: string, path: string, { json, text, headers }: Options = {}): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(text !== undefined && { body: text })
    })
    const answer = await response.text()
    return { status: response.status, headers: response.headers, text: answer, body: parsed(answer) }
  }

  /** Sends bytes that no client of HTTP would, and gives all that comes back until the service ends the connection. */
  async raw(text: string): Promise<string> {
    const { hostname, port } = new URL(this.url)
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.setEncoding('utf8').on('data', chunk => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.write(text)
    await once(socket, 'close')
    return answer
  }

  /** Logs in a wallet, a new one unless one is given. */
  async login(wallet?: Wallet, deviceId?: string): Promise<LoggedIn> {
    const { address, identity } = wallet ?? (await createWallet())
    const body = { ...loginBody({ address, identity }), ...(deviceId !== undefined && { device_id: deviceId }) }
    const answer = await this.post('/_matrix/client/r0/login', body)
    if (answer.status !== 200) throw new Error(`The login was answered ${answer.status} ${answer.text}`)
    return { address, identity, deviceId: answer.body.device_id, rest: this.as(answer.body.access_token) }
  }
}

/** A wallet with a session. */
export interface LoggedIn extends Wallet {
  readonly deviceId: string
  /** Calls with the token of the session. */
  readonly rest: Rest
}

/** The path of the state event by which one of two users acts upon their friendship. */
export function statePath(a: string, b: string, version = 'r0'): string {
  const room = encodeURIComponent(`#${a}+${b}:localhost`)
  return `/_matrix/client/${version}/rooms/${room}/state/org.decentraland.friendship`
}

/** Does something to a friendship, and expects that it is done. */
export async function act(actor: LoggedIn, target: Wallet, type: string, message?: string): Promise<void> {
  const answer = await actor.rest.put(statePath(actor.address, target.address), { type, message })
  if (answer.status !== 200) throw new Error(`${type} was answered ${answer.status} ${answer.text}`)
}

export async function befriend(a: LoggedIn, b: LoggedIn): Promise<void> {
  await act(a, b, 'request')
  await act(b, a, 'accept')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
