import { SocialError } from '../../domain/errors.ts'
import { CLOSE } from './close-codes.ts'
import { FrameWriter, type Wire } from './frame-writer.ts'
import type { RpcLimits } from './limits.ts'
import { OpenCalls } from './open-calls.ts'
import {
  type ClientFrame,
  decodeFrame,
  encodeModule,
  encodeModuleTable,
  encodePortCreated,
  encodeStreamEnd,
  type RequestFrame
} from './protocol.ts'
import type { ConnectionInfo, ErrorReporter, OpenStream, Peer, Procedure, RpcObserver, Service } from './service.ts'

interface ConnectionOptions<Context> {
  readonly peer: Peer
  readonly context: Context
  readonly services: readonly Service<Context>[]
  readonly wire: Wire & Pick<ConnectionInfo<Context>, 'authenticated'>
  readonly limits: RpcLimits
  readonly observer: RpcObserver
  readonly onError: ErrorReporter
}

const UNKNOWN_PORT = new SocialError('not_found', 'Unknown port')
const UNKNOWN_MODULE = new SocialError('not_found', 'Unknown module')
const UNKNOWN_PROCEDURE = new SocialError('not_found', 'Unknown procedure')
const NO_CLIENT_STREAMS = new SocialError('invalid_request', 'Client streams are not served')
const TOO_MANY_PORTS = new SocialError('too_many_requests', 'Too many ports')
const GOING_AWAY = new SocialError('unavailable', 'The server is going away')

/** A service that was loaded on a port, whose procedures have ids since. */
interface Module<Context> {
  readonly service: Service<Context>
  readonly firstId: number
}

/** Its modules have the ids of their procedures one after the other, of which the first is 1. */
interface Port<Context> {
  readonly id: number
  modules: readonly Module<Context>[]
}

/** The encoded procedures of each service, by the id of the first one: the same for every client. */
const moduleTables = new WeakMap<object, Map<number, Uint8Array>>()

function moduleTable<Context>({ service, firstId }: Module<Context>): Uint8Array {
  const { procedures } = service
  const tables = moduleTables.get(service) ?? new Map<number, Uint8Array>()
  const table =
    tables.get(firstId) ??
    encodeModuleTable(
      firstId,
      Array.from(procedures, ({ name }) => name)
    )
  moduleTables.set(service, tables.set(firstId, table))
  return table
}

/**
 * The server half of the dcl-rpc protocol for one client, whatever carries the frames.
 *
 * What a client requests and cannot have is answered with a remote error, and the socket stays open. It is closed for
 * what makes no sense to go on with: see {@link CLOSE}.
 */
export class Connection<Context> implements ConnectionInfo<Context> {
  readonly peer: Peer
  readonly context: Context
  readonly #client: ConnectionOptions<Context>['wire']
  readonly #services: readonly Service<Context>[]
  readonly #maxPorts: number
  readonly #writer: FrameWriter
  readonly #calls: OpenCalls<Context>
  /** Few, and mostly one; never pushed to, which would make room for many more. */
  #ports: readonly Port<Context>[] = []
  #lastPortId = 0
  #draining = false
  #ended = false

  constructor({ peer, context, services, wire, limits, observer, onError }: ConnectionOptions<Context>) {
    this.peer = peer
    this.context = context
    this.#client = wire
    this.#services = services
    this.#maxPorts = limits.ports
    this.#writer = new FrameWriter(wire)
    this.#calls = new OpenCalls({ connection: this, writer: this.#writer, limits, observer, onError })
  }

  authenticated(): void {
    this.#client.authenticated()
  }

  openStreams(): Iterable<OpenStream<Context>> {
    return this.#calls.streams()
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended) return
    this.#writer.framesReceived++
    let frame: ClientFrame
    try {
      frame = decodeFrame(bytes)
    } catch {
      this.#writer.close(CLOSE.brokenFrame)
      return
    }
    this.#dispatch(frame)
  }

  /**
   * Refuses new calls, and sends nothing more on streams. Resolves when every open unary call is answered and, if that
   * does not take long, what was sent on streams is acknowledged.
   */
  drain(): Promise<void> {
    this.#draining = true
    return this.#calls.drain()
  }

  /** To be called when the socket is closed or gone: ends every call and stream. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#writer.shut()
    this.#ports = []
    this.#calls.end()
  }

  #dispatch(frame: ClientFrame): void {
    switch (frame.kind) {
      case 'request':
        if (this.#isFree(frame.number)) this.#request(frame)
        return
      case 'stream-ack':
        this.#calls.acknowledge(frame.number, frame.sequence)
        return
      case 'stream-close':
        this.#calls.closeStream(frame.number)
        return
      case 'create-port':
        if (this.#isFree(frame.number)) this.#createPort(frame.number)
        return
      case 'request-module':
        if (this.#isFree(frame.number)) this.#loadModule(frame.number, frame.portId, frame.name)
        return
      case 'destroy-port':
        this.#destroyPort(frame.portId)
    }
  }

  #isFree(number: number): boolean {
    if (!this.#calls.has(number)) return true
    this.#writer.close(CLOSE.numberInUse)
    return false
  }

  #createPort(number: number): void {
    if (this.#ports.length >= this.#maxPorts) {
      this.#writer.refuse(number, TOO_MANY_PORTS)
      return
    }
    const id = ++this.#lastPortId
    this.#ports = this.#ports.concat({ id, modules: [] })
    this.#writer.write(encodePortCreated(number, id))
  }

  #destroyPort(id: number): void {
    if (this.#port(id) === undefined) return
    this.#ports = this.#ports.filter(port => port.id !== id)
    this.#calls.closePort(id)
  }

  #port(id: number): Port<Context> | undefined {
    return this.#ports.find(port => port.id === id)
  }

  #loadModule(number: number, portId: number, name: string): void {
    const port = this.#port(portId)
    const service = this.#services.find(each => each.name === name)
    if (port === undefined || service === undefined) {
      this.#writer.refuse(number, port === undefined ? UNKNOWN_PORT : UNKNOWN_MODULE)
      return
    }
    const module = port.modules.find(each => each.service === service) ?? load(port, service)
    this.#writer.write(encodeModule(number, portId, moduleTable(module)))
  }

  #request(request: RequestFrame): void {
    const port = this.#port(request.portId)
    const procedure = port && procedureOf(port, request.procedureId)
    if (procedure !== undefined && request.clientStream === 0 && !this.#draining) {
      this.#calls.start(procedure, request)
      return
    }
    // A client holds on to the stream that it wants to send until it is closed, whatever becomes of the call.
    if (request.clientStream !== 0) this.#writer.write(encodeStreamEnd(request.clientStream, 0, request.portId))
    this.#writer.refuse(request.number, this.#whyNot(port, request))
  }

  #whyNot(port: Port<Context> | undefined, request: RequestFrame): SocialError {
    if (this.#draining) return GOING_AWAY
    if (port === undefined) return UNKNOWN_PORT
    return request.clientStream === 0 ? UNKNOWN_PROCEDURE : NO_CLIENT_STREAMS
  }
}

function load<Context>(port: Port<Context>, service: Service<Context>): Module<Context> {
  const last = port.modules.at(-1)
  const module = { service, firstId: last === undefined ? 1 : last.firstId + last.service.procedures.length }
  port.modules = port.modules.concat(module)
  return module
}

function procedureOf<Context>({ modules }: Port<Context>, id: number): Procedure<Context> | undefined {
  const module = modules.findLast(({ firstId }) => firstId <= id)
  return module?.service.procedures[id - module.firstId]
}
