import type { Wallet } from '../../demo/wallet.ts'
import { until } from '../env/until.ts'
import { openRawV2 } from '../multi-instance/raw-v2.ts'
import { parseFrame, type RawClient, type ServerFrame } from '../rpc/engine/clients.ts'
import { ack, request, TYPE } from '../rpc/engine/frames.ts'

/** A stream that the client has opened. */
interface OpenedStream {
  readonly procedure: string
  /** The client opened a newer one of the same procedure. */
  isForgotten: boolean
  /** Elements that the library acknowledges although the game has let go of the stream. */
  lastAcks: number
}

/**
 * Subscribes as decentraland/godot-explorer does at commit d98a2bb: all streams again every 30 seconds on the same socket
 * (`_async_proactive_resubscribe` in godot/src/ui/explorer.gd), and of the older ones it says nothing
 * (`subscribe_to_updates` in lib/src/godot_classes/dcl_social_service.rs). Its library, decentraland/rpc-rust at aa2302d
 * (rpc/src/stream_protocol.rs), acknowledges what it takes; of a stream that was let go of one element more, by which it
 * finds out.
 */
export class ForgetfulClient {
  /** What the game sees of each procedure: what came on the newest stream, encoded. */
  readonly seen = new Map<string, Uint8Array[]>()
  /** How often a stream was ended by the service, and what it refused. */
  ended = 0
  readonly errors: string[] = []
  readonly #raw: Awaited<ReturnType<typeof openRawV2>>
  readonly #streams = new Map<number, OpenedStream>()
  readonly #newest = new Map<string, OpenedStream>()
  #number = 10

  private constructor(raw: Awaited<ReturnType<typeof openRawV2>>) {
    this.#raw = raw
    raw.client.socket.on('message', (data: Buffer) => {
      raw.client.frames.length = 0
      this.#receive(parseFrame(data))
    })
  }

  static async open(rpcUrl: string, wallet: Wallet): Promise<ForgetfulClient> {
    return new ForgetfulClient(await openRawV2(rpcUrl, wallet))
  }

  get client(): RawClient {
    return this.#raw.client
  }

  /** Streams that the client opened, and of which it was not told that they are over. */
  get open(): number {
    return this.#streams.size
  }

  /** Opens a stream, and forgets the one that there was. */
  subscribe(procedure: string): void {
    const { client, portId, idOf } = this.#raw
    const older = this.#newest.get(procedure)
    if (older) older.isForgotten = true
    const stream = { procedure, isForgotten: false, lastAcks: 1 }
    this.#number += 1
    this.#streams.set(this.#number, stream)
    this.#newest.set(procedure, stream)
    if (!this.seen.has(procedure)) this.seen.set(procedure, [])
    client.send(request(this.#number, portId, idOf(procedure)))
  }

  /** Waits until the service has taken everything that was sent before. */
  async settled(): Promise<void> {
    await this.client.taken()
  }

  /** Waits until the game has seen so many elements of a procedure. */
  async sees(procedure: string, count: number): Promise<void> {
    await until(() => (this.seen.get(procedure)?.length ?? 0) >= count, `${count} elements of ${procedure} come`)
  }

  #receive({ type, number, message }: ServerFrame): void {
    const stream = this.#streams.get(number)
    if (stream === undefined) return
    if (type === TYPE.REMOTE_ERROR) this.errors.push(message.errorMessage)
    if (type === TYPE.REMOTE_ERROR || message.closed) {
      this.#streams.delete(number)
      this.ended += 1
      return
    }
    const isOffer = message.sequenceId === 0
    if (!isOffer && !stream.isForgotten) this.seen.get(stream.procedure)?.push(message.payload)
    if (isOffer || !stream.isForgotten || stream.lastAcks-- > 0) {
      this.client.send(ack(number, this.#raw.portId, message.sequenceId))
    }
  }
}
