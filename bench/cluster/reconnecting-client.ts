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

/** When a client had done each step of its way back, by the monotonic clock in milliseconds. */
export interface WayBack {
  readonly loggedInAt: number
  readonly connectedAt: number
  readonly acceptedAt: number
}

/** A v1 client that listens to its updates, and comes back to an instance whenever it lost its connection. */
export class ReturningClient {
  /** Why it could not come back at first. */
  readonly failures: string[] = []
  readonly #user: User
  readonly #refuge: InstanceAccess
  #token: string
  #login: Buffer | null = null
  #connected: Connected | null = null
  #wayBack: WayBack | null = null
  #isReturning = false

  /** @param refuge where it goes when its connection is lost */
  constructor(user: User, refuge: InstanceAccess) {
    this.#user = user
    this.#token = user.token
    this.#refuge = refuge
  }

  /** Null until it is back. */
  get wayBack(): WayBack | null {
    return this.#wayBack
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
    void this.#comeBack()
  }

  /** Again and again until it succeeds. */
  async #comeBack(): Promise<void> {
    if (this.#isReturning) return
    this.#isReturning = true
    this.#wayBack = null
    await wait(Math.random() * SPREAD_MS)
    while (!this.#wayBack) {
      try {
        const wayBack = await this.#return()
        // It may be lost again already.
        if (this.#connected) this.#wayBack = wayBack
      } catch (error) {
        this.failures.push((error as Error).message)
      }
      if (!this.#wayBack) await this.#prepareAgain()
    }
    this.#isReturning = false
  }

  async #return(): Promise<WayBack> {
    if (this.#login) this.#token = await logIn(this.#refuge, this.#login)
    const loggedInAt = performance.now()
    this.#connected = await connect(this.#refuge.rpc)
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

  /** Nobody does anything to it, so that whatever it is told is an error. */
  async #subscribe(connected: Connected): Promise<void> {
    const { socket } = connected
    const told = (payload: Uint8Array): void => this.#lost(connected, Buffer.from(payload).toString('latin1'))
    await listen(connected, 'updates', { token: this.#token }, told)
    socket.onFailure(({ message }) => this.#lost(connected, message))
  }

  #lost(connected: Connected, why: string): void {
    if (this.#connected !== connected) return
    if (this.#isReturning || this.#wayBack) this.failures.push(why)
    connected.socket.end()
    this.#connected = null
    void this.#comeBack()
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
