import { setTimeout as wait } from 'node:timers/promises'
import { HttpSocket, httpRequest } from '../load/http-socket.ts'
import { type Connected, connect } from '../load/v1.ts'
import { loginBody, type User } from '../users.ts'
import { listen } from './device.ts'
import type { InstanceAccess } from './job.ts'

/** Clients are not all equally far away, and do not all come back in the same instant: but within this, in milliseconds. */
const SPREAD_MS = 1_000
/** A client that could not come back tries again after a time between these, in milliseconds. */
const AGAIN_MS = { least: 500, most: 1_500 }

/** When a client had done each step of its reconnection, by the monotonic clock in milliseconds. */
export interface Reconnection {
  readonly loggedInAt: number
  readonly connectedAt: number
  readonly acceptedAt: number
}

/** A v1 client that listens to its updates, and comes back to an instance whenever it lost its connection. */
export class ReconnectingClient {
  /** Why it could not come back at first. */
  readonly failures: string[] = []
  readonly #user: User
  readonly #fallback: InstanceAccess
  #token: string
  #login: Buffer | null = null
  #connected: Connected | null = null
  #reconnection: Reconnection | null = null
  #isReconnecting = false

  /** @param fallback where it goes when its connection is lost */
  constructor(user: User, fallback: InstanceAccess) {
    this.#user = user
    this.#token = user.token
    this.#fallback = fallback
  }

  /** Null until it is back. */
  get reconnection(): Reconnection | null {
    return this.#reconnection
  }

  async arrive(instance: InstanceAccess): Promise<void> {
    this.#connected = await connect(instance.rpc)
    await this.#subscribe(this.#connected)
  }

  /** Signs a login, which is good for two minutes: it will come back with that, and not with the token that it has. */
  sign(): void {
    const headers = { 'content-type': 'application/json', connection: 'close' }
    this.#login = httpRequest('POST /_matrix/client/r0/login', headers, loginBody(this.#user))
  }

  /** Ends its connection itself, and comes back. */
  restart(): void {
    this.#connected?.socket.end()
    this.#connected = null
    void this.#reconnect()
  }

  /** Again and again until it succeeds. */
  async #reconnect(): Promise<void> {
    if (this.#isReconnecting) return
    this.#isReconnecting = true
    this.#reconnection = null
    await wait(Math.random() * SPREAD_MS)
    while (!this.#reconnection) {
      try {
        const reconnection = await this.#tryToReconnect()
        // It may be lost again already.
        if (this.#connected) this.#reconnection = reconnection
      } catch (error) {
        this.failures.push((error as Error).message)
      }
      if (!this.#reconnection) await this.#prepareAgain()
    }
    this.#isReconnecting = false
  }

  async #tryToReconnect(): Promise<Reconnection> {
    if (this.#login) this.#token = await logIn(this.#fallback, this.#login)
    const loggedInAt = performance.now()
    this.#connected = await connect(this.#fallback.rpc)
    const connectedAt = performance.now()
    await this.#subscribe(this.#connected)
    return { loggedInAt, connectedAt, acceptedAt: performance.now() }
  }

  async #prepareAgain(): Promise<void> {
    this.#connected?.socket.end()
    this.#connected = null
    await wait(AGAIN_MS.least + Math.random() * (AGAIN_MS.most - AGAIN_MS.least))
    if (this.#login) this.sign()
  }

  /** Nobody does anything to it, so that every update is an error. */
  async #subscribe(connected: Connected): Promise<void> {
    const { socket } = connected
    const onUpdate = (payload: Uint8Array): void => this.#lost(connected, Buffer.from(payload).toString('latin1'))
    await listen(connected, 'updates', { token: this.#token }, onUpdate)
    socket.onFailure(({ message }) => this.#lost(connected, message))
  }

  #lost(connected: Connected, why: string): void {
    if (this.#connected !== connected) return
    if (this.#isReconnecting || this.#reconnection) this.failures.push(why)
    connected.socket.end()
    this.#connected = null
    void this.#reconnect()
  }
}

async function logIn({ http }: InstanceAccess, login: Buffer): Promise<string> {
  const socket = new HttpSocket(http)
  try {
    return JSON.parse((await socket.send(login)).toString()).access_token
  } finally {
    socket.end()
  }
}
