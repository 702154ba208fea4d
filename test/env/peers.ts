import { Heartbeat } from '@dcl/protocol/out-js/decentraland/kernel/comms/v3/archipelago.gen.js'
import { connect, type NatsConnection } from '@nats-io/transport-node'

/**
 * Says what the peers of a world say, as they say it: the ws-connector (decentraland/archipelago-workers,
 * ws-connector/src/controllers/handlers/ws-handler.ts, 537def15) and the server of worlds
 * (decentraland/worlds-content-server, src/controllers/handlers/livekit-webhook-handler.ts, 92b822ea).
 */
export class Peers implements AsyncDisposable {
  readonly #connection: NatsConnection

  private constructor(connection: NatsConnection) {
    this.#connection = connection
  }

  static async connect(
    { url }: { readonly url: string },
    login: { user?: string; pass?: string } = {}
  ): Promise<Peers> {
    const servers = url.replace('nats://', '')
    return new Peers(await connect({ ...login, servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 }))
  }

  /** Users walk about in the world. */
  async beat(...users: readonly { readonly address: string }[]): Promise<void> {
    const payload = Heartbeat.encode({ position: { x: 8, y: 0, z: -8 } }).finish()
    for (const { address } of users) this.#connection.publish(`peer.${address}.heartbeat`, payload)
    await this.flush()
  }

  /** Of the rest there is nothing but the subject. */
  async say(
    what: 'connect' | 'disconnect' | 'world.join' | 'world.leave',
    ...users: readonly { readonly address: string }[]
  ): Promise<void> {
    for (const { address } of users) this.#connection.publish(`peer.${address}.${what}`)
    await this.flush()
  }

  async publish(subject: string, payload: Uint8Array | string = ''): Promise<void> {
    this.#connection.publish(subject, payload)
    await this.flush()
  }

  /** Resolves when NATS has everything. */
  flush(): Promise<void> {
    return this.#connection.flush()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close()
  }
}
