import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Server as UpgradeServer, WebSocketServer } from 'ws'
import type { Admission } from '../../admission/admission.ts'
import type { ClientAddress } from '../../lib/client-address.ts'
import { ConcurrencyLimit, type Permit } from '../../lib/concurrency-limit.ts'
import { CLOSE } from './close-codes.ts'
import { SessionSocket } from './session-socket.ts'
import { type SocketOptions, SocketSession } from './socket-session.ts'

interface SocketServerOptions<Plain, Signed> extends SocketOptions<Plain, Signed> {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** A server that listens by itself, and answers everything but upgrades at `/`; null for one of its own. */
  readonly sharedWith?: Server | null
}

/**
 * Connections that the system holds until this process takes them, as far as it is set up to (`net.core.somaxconn`): a
 * whole world may come at once when another instance ends, and a client that finds no room tries again only seconds later.
 */
export const BACKLOG = 4096

/**
 * What it costs to take a socket, in frames of the budget of its address: it takes a few times as long as one. Plain
 * requests are as dear as a frame.
 */
const UPGRADE_COST = 4

/** In how many parts the network may bring one frame: a few times as many as it is cut into on any way. */
const MAX_PARTS = 256

/** How often HTTP requests that do not get anywhere are looked for. */
const CHECK_MS = 1000

/** Between the sockets that a stop closes, so that not all clients come back in the same instant. */
const STAGGER_MS = 10

/** The listener of the RPC port: WebSockets at `/`, and `GET /health/live`. */
export class SocketServer<Plain, Signed> {
  readonly #options: SocketServerOptions<Plain, Signed>
  readonly #http: Server
  readonly #isShared: boolean
  readonly #upgrades: UpgradeServer<typeof SessionSocket>
  /** Every open socket, with its place: null for those that are being closed because the server is full. */
  readonly #sessions = new Map<SocketSession<Plain, Signed>, Permit | null>()
  readonly #sessionOptions: ConstructorParameters<typeof SocketSession<Plain, Signed>>[2]
  readonly #admission: Admission
  readonly #room: ConcurrencyLimit
  #stopping: Promise<void> | undefined

  constructor(options: SocketServerOptions<Plain, Signed>) {
    this.#options = options
    this.#sessionOptions = { ...options, onGone: session => this.#gone(session) }
    const { connections, connectionsPerIp, frameBytes, fragments, handshakeMs } = options.limits
    this.#admission = options.admission
    this.#room = new ConcurrencyLimit({ total: connections, perKey: connectionsPerIp })
    this.#upgrades = new WebSocketServer({
      noServer: true,
      WebSocket: SessionSocket,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: frameBytes,
      maxFragments: fragments,
      maxBufferedChunks: MAX_PARTS
    })
    const timeouts = { headersTimeout: handshakeMs, requestTimeout: handshakeMs, connectionsCheckingInterval: CHECK_MS }
    this.#isShared = Boolean(options.sharedWith)
    this.#http = options.sharedWith ?? createServer(timeouts, (request, response) => this.#answer(request, response))
    if (!this.#isShared) this.#http.on('connection', socket => this.#admission.rpcConnections.accept(socket))
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
  }

  /** Not for a shared server. @returns the port that is listened on */
  async listen(): Promise<number> {
    this.#http.listen(this.#options.port, this.#options.host, BACKLOG)
    await once(this.#http, 'listening')
    return (this.#http.address() as AddressInfo).port
  }

  /**
   * Takes no more sockets, lets open unary calls be answered, and closes the sockets one after the other with 1001;
   * what is open after three quarters of `graceMs` all the same, and what is left at its end is cut off. May be called
   * again: every call waits for the same stop.
   */
  stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#isShared && !isSocketRequest(request)) {
      answerUnupgraded(this.#http, request, socket)
      return
    }
    const address = this.#addressOf(request)
    const status = this.#refusalOf(request, socket, address)
    if (status !== null) {
      refuseUpgrade(socket, status)
      return
    }
    // The answer, and that the server is ready, go out in one packet.
    socket.cork()
    this.#upgrades.handleUpgrade(request, socket, head, ws => this.#accept(ws, address))
    socket.uncork()
  }

  /** The status with which an upgrade is refused; null when it is not. */
  #refusalOf({ url }: IncomingMessage, socket: Socket, address: ClientAddress): number | null {
    if (url?.split('?', 1)[0] !== '/') return 404
    if (this.#stopping !== undefined) return 503
    // Not 503, for which a proxy would take this instance as gone.
    if (!this.#admission.rpcConnections.acceptForwarded(socket, address.group)) return 429
    return this.#canSpend(address, UPGRADE_COST) ? null : 429
  }

  #accept(socket: SessionSocket, { ip, group }: ClientAddress): void {
    const session = new SocketSession(socket, { id: randomUUID(), ip, addressGroup: group }, this.#sessionOptions)
    const place = this.#room.acquire(group)
    const isFull = 'reached' in place
    this.#sessions.set(session, isFull ? null : place)
    if (isFull) session.close(CLOSE.serverFull)
    else this.#options.observer.connectionOpened()
  }

  #gone(session: SocketSession<Plain, Signed>): void {
    const place = this.#sessions.get(session)
    this.#sessions.delete(session)
    if (!place) return
    place.release()
    this.#options.observer.connectionClosed(performance.now() - session.openedAt)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    // What was pipelined behind a request that was one too many.
    if (socket.destroyed) return
    if (socket.writableNeedDrain || !this.#canSpend(this.#addressOf(request), 1)) socket.destroy()
    else if (request.method === 'GET' && request.url === '/health/live') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('"alive"')
    } else if (request.url === '/') {
      response.writeHead(426, { connection: 'upgrade', upgrade: 'websocket' }).end()
    } else {
      response.writeHead(404).end()
    }
  }

  #addressOf({ socket, headers }: IncomingMessage): ClientAddress {
    return this.#admission.addresses.of(socket.remoteAddress, headers['x-forwarded-for'])
  }

  /** Takes from the budget of frames what serving costs. @returns false when it is overdrawn: then nothing is taken */
  #canSpend({ group }: ClientAddress, frames: number): boolean {
    const isLevel = this.#admission.frames.isLevel(group)
    if (isLevel) this.#admission.frames.spend(group, frames)
    else this.#admission.onRefused('frames')
    return isLevel
  }

  async #stop(graceMs: number): Promise<void> {
    const sessions = [...this.#sessions.keys()]
    const released = this.#isShared ? null : new Promise(resolve => this.#http.close(resolve))
    const closeLate = setTimeout(() => {
      for (const session of sessions) session.close(CLOSE.goingAway)
    }, graceMs * 0.75)
    const stopped = new AbortController()
    const graceOver = delay(graceMs, undefined, { signal: stopped.signal })
    const cleanedUp = sessions.map(session => session.cleanedUp())
    await Promise.race([Promise.all([this.#drain(sessions, graceMs), ...cleanedUp]), graceOver])
    stopped.abort()
    clearTimeout(closeLate)
    for (const session of sessions) session.terminate()
    if (!this.#isShared) this.#http.closeAllConnections()
    await Promise.all([released, ...sessions.map(session => session.gone())])
  }

  async #drain(sessions: readonly SocketSession<Plain, Signed>[], graceMs: number): Promise<void> {
    const perStep = Math.ceil((sessions.length * STAGGER_MS) / (graceMs / 2))
    const drained: Promise<void>[] = []
    for (let at = 0; at < sessions.length; at += perStep) {
      if (at > 0) await delay(STAGGER_MS)
      for (const session of sessions.slice(at, at + perStep)) drained.push(session.drain())
    }
    await Promise.all(drained)
  }
}

function isSocketRequest({ url, headers }: IncomingMessage): boolean {
  return url?.split('?', 1)[0] === '/' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** A client may offer another protocol with any request (as those of Java offer h2c): it is answered in HTTP/1.1. */
function answerUnupgraded(server: Server, request: IncomingMessage, socket: Socket): void {
  // Whatever came after the head is not read any more.
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  if (hasBody) {
    refuseUpgrade(socket, 400)
    return
  }
  socket.on('error', () => socket.destroy())
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => socket.end())
  server.emit('request', request, response)
}

function refuseUpgrade(socket: Socket, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
