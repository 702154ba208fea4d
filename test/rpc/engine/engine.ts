import { SocialError } from '../../../src/domain/errors.ts'
import type { HandshakeHeaders } from '../../../src/rpc/engine/handshake.ts'
import type { RpcLimits } from '../../../src/rpc/engine/limits.ts'
import type { EndedCall, RpcObserver, Session, SocketEnd } from '../../../src/rpc/engine/service.ts'
import { SocketServer } from '../../../src/rpc/engine/socket-server.ts'
import { echoService, Inside } from './echo-service.ts'

export const LIMITS: RpcLimits = {
  connections: 100,
  connectionsPerIp: 100,
  frameBytes: 65_536,
  bufferedBytes: 1_048_576,
  pendingFrames: 8,
  pendingBytes: 16_384,
  ports: 16,
  calls: 64,
  streams: 32,
  handshakeMs: 60_000,
  pingMs: 60_000,
  pongMs: 5_000,
  ackMs: 60_000
}

/** Records what the engine reports. */
export class Observed implements RpcObserver {
  open = 0
  readonly closed: number[] = []
  readonly ends: SocketEnd[] = []
  readonly calls: { procedure: string; code: string; bytesIn: number; bytesOut: number }[] = []

  connectionOpened(): void {
    this.open++
  }

  connectionClosed(durationMs: number): void {
    this.open--
    this.closed.push(durationMs)
  }

  socketEnded(end: SocketEnd): void {
    this.ends.push(end)
  }

  callEnded({ procedure, code, bytesIn, bytesOut }: EndedCall): void {
    this.calls.push({ procedure, code, bytesIn, bytesOut })
  }
}

/** The engine on a free port, with the test's service behind both protocol versions. */
export class Engine implements AsyncDisposable {
  readonly inside = new Inside()
  readonly observed = new Observed()
  readonly errors: unknown[] = []
  /** Contexts that were given out and not disposed of, and how often a handshake was asked for. */
  sessions = 0
  handshakes = 0
  /** What a handshake waits for before its verdict. */
  verification: Promise<void> = Promise.resolve()
  readonly server: SocketServer<unknown, unknown>
  url = ''

  private constructor(limits: Partial<RpcLimits>) {
    const services = [echoService(this.inside)]
    const open = (): Session<unknown> => {
      this.sessions++
      return { services, context: {}, dispose: () => void this.sessions-- }
    }
    this.server = new SocketServer({
      host: '127.0.0.1',
      port: 0,
      trustedProxies: ['127.0.0.1'],
      limits: { ...LIMITS, ...limits },
      observer: this.observed,
      onError: error => this.errors.push(error),
      openPlain: open,
      handshake: async headers => {
        this.handshakes++
        await this.verification
        verdict(headers)
        return open()
      }
    })
  }

  static async start(limits: Partial<RpcLimits> = {}): Promise<Engine> {
    const engine = new Engine(limits)
    engine.url = `ws://127.0.0.1:${await engine.server.listen()}/`
    return engine
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.inside.answer()
    await this.server.stop({ graceMs: 200 })
  }
}

/** `{"identity": "good"}` is let in; any other word is the code with which it is refused, or a failure. */
function verdict({ identity }: HandshakeHeaders): void {
  if (identity === 'good') return
  if (identity === 'unavailable') throw new SocialError('unavailable', 'The verifier is away')
  if (identity === 'failure') throw new Error('The verifier broke')
  throw new SocialError('unauthorized', 'Not you')
}
