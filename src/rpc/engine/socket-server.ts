import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import proxyAddr from '@fastify/proxy-addr'
import { type WebSocket, WebSocketServer } from 'ws'
import { CLOSE } from './close-codes.ts'
import { type SocketOptions, SocketSession } from './socket-session.ts'

interface SocketServerOptions<Plain, Signed> extends SocketOptions<Plain, Signed> {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** Addresses of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** A server that listens by itself, and answers everything but upgrades at `/`; null for one of its own. */
  readonly sharedWith?: Server | null
}

/**
 * Connections that the system holds until this process takes them, as far as it is set up to (`net.core.somaxconn`): a
 * whole world may come at once when another instance ends, and a client that finds no room tries again only seconds later.
 */
export const BACKLOG = 4096

/** TCP connections above the limit of sockets: for health checks, and for sockets that are being closed because it is full. */
const SPARE_CONNECTIONS = 256

/** How often HTTP requests that do not get anywhere are looked for. */
const CHECK_MS = 1000

/** Between the sockets that a stop closes, so that not all clients come back in the same instant. */
const STAGGER_MS = 10

/** The listener of the RPC port: WebSockets at `/`, and `GET /health/live`. */
export class SocketServer<Plain, Signed> {
  readonly #options: SocketServerOptions<Plain, Signed>
  readonly #http: Server
  readonly #isShared: boolean
  readonly #upgrades: WebSocketServer
  /** Every open socket, also those that are being closed because the server is full. */
  readonly #sessions = new Set<SocketSession<Plain, Signed>>()
  readonly #isTrusted: (address: string, hop: number) => boolean
  readonly #admittedByIp = new Map<string, number>()
  #admitted = 0
  #stopping: Promise<void> | undefined

  constructor(options: SocketServerOptions<Plain, Signed>) {
    this.#options = options
    const { connections, frameBytes, handshakeMs } = options.limits
    this.#isTrusted = proxyAddr.compile([...options.trustedProxies])
    this.#upgrades = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: frameBytes
    })
    const timeouts = { headersTimeout: handshakeMs, requestTimeout: handshakeMs, connectionsCheckingInterval: CHECK_MS }
    this.#isShared = Boolean(options.sharedWith)
    this.#http = options.sharedWith ?? createServer(timeouts, answer)
    if (!this.#isShared) this.#http.maxConnections = connections + SPARE_CONNECTIONS
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
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

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = request.url?.split('?', 1)[0]
    const isSocket = path === '/' && request.headers.upgrade?.toLowerCase() === 'websocket'
    if (this.#isShared && !isSocket) answerUnupgraded(this.#http, request, socket)
    else if (path !== '/') refuseUpgrade(socket, 404)
    else if (this.#stopping !== undefined) refuseUpgrade(socket, 503)
    else this.#upgrades.handleUpgrade(request, socket, head, ws => this.#accept(ws, request))
  }

  #accept(socket: WebSocket, request: IncomingMessage): void {
    const peer = { id: randomUUID(), ip: proxyAddr(request, this.#isTrusted) }
    const session = new SocketSession(socket, peer, this.#options)
    this.#sessions.add(session)
    socket.once('close', () => this.#sessions.delete(session))
    if (this.#hasRoomFor(peer.ip)) this.#admit(socket, peer.ip)
    else session.close(CLOSE.serverFull)
  }

  #hasRoomFor(ip: string): boolean {
    const { connections, connectionsPerIp } = this.#options.limits
    return this.#admitted < connections && (this.#admittedByIp.get(ip) ?? 0) < connectionsPerIp
  }

  #admit(socket: WebSocket, ip: string): void {
    const { observer } = this.#options
    const openedAt = performance.now()
    this.#count(ip, 1)
    observer.connectionOpened()
    socket.once('close', () => {
      this.#count(ip, -1)
      observer.connectionClosed(performance.now() - openedAt)
    })
  }

  #count(ip: string, change: 1 | -1): void {
    this.#admitted += change
    const ofIp = (this.#admittedByIp.get(ip) ?? 0) + change
    if (ofIp > 0) this.#admittedByIp.set(ip, ofIp)
    else this.#admittedByIp.delete(ip)
  }

  async #stop(graceMs: number): Promise<void> {
    const sessions = [...this.#sessions]
    const released = this.#isShared ? null : new Promise(resolve => this.#http.close(resolve))
    const closeLate = setTimeout(() => {
      for (const session of sessions) session.close(CLOSE.goingAway)
    }, graceMs * 0.75)
    const stopped = new AbortController()
    const graceOver = delay(graceMs, undefined, { signal: stopped.signal })
    const cleanedUp = sessions.map(session => session.cleanedUp)
    await Promise.race([Promise.all([this.#drain(sessions, graceMs), ...cleanedUp]), graceOver])
    stopped.abort()
    clearTimeout(closeLate)
    for (const session of sessions) session.terminate()
    if (!this.#isShared) this.#http.closeAllConnections()
    await Promise.all([released, ...sessions.map(session => session.gone)])
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

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET' && request.url === '/health/live') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('"alive"')
  } else if (request.url === '/') {
    response.writeHead(426, { connection: 'upgrade', upgrade: 'websocket' }).end()
  } else {
    response.writeHead(404).end()
  }
}

/** A client may offer another protocol with any request (as those of Java offer h2c): it is answered in HTTP/1.1. */
function answerUnupgraded(server: Server, request: IncomingMessage, socket: Duplex): void {
  // Whatever came after the head is not read any more.
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  if (hasBody || !(socket instanceof Socket)) {
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

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
