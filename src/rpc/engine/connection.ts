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
import type { ConnectionInfo, ErrorReporter, Procedure, RpcObserver, Service } from './service.ts'

interface ConnectionOptions<Context> {
  readonly info: Omit<ConnectionInfo<Context>, 'openStreams'>
  readonly services: readonly Service<Context>[]
  readonly wire: Wire
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

interface Port<Context> {
  /** The id of the first procedure of each loaded module. */
  readonly modules: Map<string, number>
  /** By their ids, of which the first is 1. */
  readonly procedures: Procedure<Context>[]
}

/** The encoded procedures of each service, by the id of the first one: the same for every client. */
const moduleTables = new WeakMap<object, Map<number, Uint8Array>>()

function moduleTable<Context>(service: Service<Context>, firstId: number): Uint8Array {
  const tables = moduleTables.get(service) ?? new Map<number, Uint8Array>()
  const table = tables.get(firstId) ?? encodeModuleTable(firstId, service.procedures.keys())
  moduleTables.set(service, tables.set(firstId, table))
  return table
}

/**
 * The server half of the dcl-rpc protocol for one client, whatever carries the frames.
 *
 * What a client requests and cannot have is answered with a remote error, and the socket stays open. It is closed for
 * what makes no sense to go on with: see {@link CLOSE}.
 */
export class Connection<Context> {
  readonly #services: readonly Service<Context>[]
  readonly #maxPorts: number
  readonly #writer: FrameWriter
  readonly #calls: OpenCalls<Context>
  readonly #ports = new Map<number, Port<Context>>()
  #lastPortId = 0
  #draining = false
  #ended = false

  constructor({ info, services, wire, limits, observer, onError }: ConnectionOptions<Context>) {
    this.#services = services
    this.#maxPorts = limits.ports
    this.#writer = new FrameWriter(wire)
    this.#calls = new OpenCalls({ info, writer: this.#writer, limits, observer, onError })
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
    this.#ports.clear()
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
        if (this.#ports.delete(frame.portId)) this.#calls.closePort(frame.portId)
    }
  }

  #isFree(number: number): boolean {
    if (!this.#calls.has(number)) return true
    this.#writer.close(CLOSE.numberInUse)
    return false
  }

  #createPort(number: number): void {
    if (this.#ports.size >= this.#maxPorts) {
      this.#writer.refuse(number, TOO_MANY_PORTS)
      return
    }
    const id = ++this.#lastPortId
    this.#ports.set(id, { modules: new Map(), procedures: [] })
    this.#writer.write(encodePortCreated(number, id))
  }

  #loadModule(number: number, portId: number, name: string): void {
    const port = this.#ports.get(portId)
    const service = this.#services.find(each => each.name === name)
    if (port === undefined || service === undefined) {
      this.#writer.refuse(number, port === undefined ? UNKNOWN_PORT : UNKNOWN_MODULE)
      return
    }
    let firstId = port.modules.get(name)
    if (firstId === undefined) {
      firstId = port.procedures.length + 1
      port.modules.set(name, firstId)
      port.procedures.push(...service.procedures.values())
    }
    this.#writer.write(encodeModule(number, portId, moduleTable(service, firstId)))
  }

  #request(request: RequestFrame): void {
    const port = this.#ports.get(request.portId)
    const procedure = port?.procedures[request.procedureId - 1]
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
