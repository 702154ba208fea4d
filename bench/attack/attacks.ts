import { setMaxListeners } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Payload } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { CREATE_PORT, loadModule, request } from '../load/frames.ts'
import { clientFrame, upgradeRequest } from '../load/wire-socket.ts'
import { VICTIM_OF_REQUESTS } from './world.ts'

/** Where an attack goes, and for how long. */
interface Target {
  readonly http: { readonly host: string; readonly port: number }
  readonly rpc: { readonly host: string; readonly port: number }
  /** Called with each connection that the attacker has. */
  readonly onConnection: () => void
  /** Aborts when the attack is over. */
  readonly signal: AbortSignal
}

export interface Attack {
  readonly name: string
  /** What happens, as the table says it. */
  readonly title: string
  /** Sockets that the attacker means to have. */
  readonly run: (target: Target) => Promise<void>
}

/** Everything comes from an address of its own, so that limits of addresses are those of the attacker alone. */
const ATTACKER = '127.0.0.66'
const FRAMES_AT_ONCE = 200

/** A socket of the attacker that never lets the programme end by an error. */
function open(to: Target['rpc'], { signal, onConnection }: Target, begin: (socket: Socket) => void): Socket {
  const socket = connect({ ...to, localAddress: ATTACKER, noDelay: true })
  socket.on('error', () => socket.destroy())
  socket.once('connect', () => {
    onConnection()
    begin(socket)
  })
  setMaxListeners(0, signal)
  signal.addEventListener('abort', () => socket.resetAndDestroy(), { once: true })
  return socket
}

/** Keeps so many sockets open, and opens another for each that the server ends, at a bounded pace. */
async function keepOpen(
  count: number,
  to: Target['rpc'],
  target: Target,
  begin: (socket: Socket) => void
): Promise<void> {
  let alive = 0
  while (!target.signal.aborted) {
    for (let opened = 0; alive < count && opened < 100; opened++) {
      alive++
      open(to, target, begin).once('close', () => alive--)
    }
    await pause(20)
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Writes as fast as the other side takes it. */
function flood(socket: Socket, chunk: Buffer): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(chunk)) {
      // Until the buffer of this side is full.
    }
  }
  socket.on('drain', write)
  socket.resume()
  write()
}

const getRequest = (path: string, token?: string): Buffer =>
  Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n${token ? `Authorization: Bearer ${token}\r\n` : ''}\r\n`)

const times = (count: number, chunk: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => chunk))

/** One byte of a message, not the last one. */
function fragment(opcode: number): Buffer {
  const frame = clientFrame(Buffer.from([0]), opcode)
  frame[0] = opcode
  return frame
}

export const ATTACKS: readonly Attack[] = [
  {
    name: 'unread-lists',
    title: '1,500 connections ask for a list of large requests and read nothing',
    run: target =>
      keepOpen(1_500, target.http, target, socket => {
        socket.pause()
        socket.write(getRequest('/v1/friendships/me/requests', VICTIM_OF_REQUESTS.token))
      })
  },
  {
    name: 'busy-readers',
    title: '8 connections ask for that list again and again, and read it',
    run: target =>
      keepOpen(8, target.http, target, socket =>
        flood(socket, getRequest('/v1/friendships/me/requests', VICTIM_OF_REQUESTS.token))
      )
  },
  {
    name: 'pipelined',
    title: '150 connections without a token pipeline 1,870 requests each and read nothing',
    run: target =>
      keepOpen(150, target.http, target, socket => {
        socket.pause()
        socket.write(times(1_870, getRequest('/openapi.json')))
      })
  },
  {
    name: 'frame-flood',
    title: '5 sockets without a token send create-port and request-module at full speed',
    run: target =>
      keepOpen(5, target.rpc, target, socket => {
        socket.write(upgradeRequest())
        flood(socket, times(FRAMES_AT_ONCE, Buffer.concat([CREATE_PORT, loadModule('FriendshipsService')])))
      })
  },
  {
    name: 'bad-tokens',
    title: '8 sockets call with invalid tokens at full speed, over v1 and REST',
    run: async target => {
      const payload = Payload.encode({ synapseToken: 'A'.repeat(43) }).finish()
      const calls = times(FRAMES_AT_ONCE, request(1, payload))
      await Promise.all([
        keepOpen(4, target.rpc, target, socket => {
          socket.write(Buffer.concat([upgradeRequest(), CREATE_PORT, loadModule('FriendshipsService')]))
          flood(socket, calls)
        }),
        keepOpen(4, target.http, target, socket =>
          flood(socket, times(20, getRequest('/v1/friendships/me', 'A'.repeat(43))))
        )
      ])
    }
  },
  {
    name: 'tcp-slots',
    title: 'one address opens every TCP connection of the RPC port that it can, silently',
    run: target => keepOpen(18_000, target.rpc, target, () => undefined)
  },
  {
    name: 'fragments',
    title: '900 sockets each send a message in 16,383 fragments of one byte, unfinished',
    run: target =>
      keepOpen(900, target.rpc, target, socket => {
        socket.write(upgradeRequest())
        socket.write(Buffer.concat([fragment(2), times(16_382, fragment(0))]))
      })
  },
  {
    name: 'unread-pongs',
    title: '100 sockets ask for much, read nothing, and send pongs that nobody asked for',
    run: target =>
      keepOpen(100, target.rpc, target, socket => {
        socket.pause()
        socket.write(Buffer.concat([upgradeRequest(), CREATE_PORT]))
        const pong = setInterval(() => socket.write(clientFrame(Buffer.alloc(0), 10)), 500)
        socket.once('close', () => clearInterval(pong))
        socket.write(times(3_000, loadModule('FriendshipsService')))
      })
  }
]
