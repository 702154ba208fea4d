import { Admission } from '../../../src/admission/admission.ts'
import { SocialError } from '../../../src/domain/errors.ts'
import type { HandshakeHeaders } from '../../../src/rpc/engine/handshake.ts'
import type { RpcLimits } from '../../../src/rpc/engine/limits.ts'
import type { ClientServices, EndedCall, RpcObserver, SocketEnd } from '../../../src/rpc/engine/service.ts'
import { SocketServer } from '../../../src/rpc/engine/socket-server.ts'
import { echoService, Inside } from './echo-service.ts'

export const LIMITS: RpcLimits = {
  connections: 100,
  connectionsPerIp: 100,
  frameBytes: 65_536,
  fragments: 16,
  bufferedBytes: 1_048_576,
  anonymousBufferedBytes: 1_048_576,
  framesPerSecond: 1_000_000,
  bytesPerSecond: 1_000_000_000,
  pendingFrames: 8,
  pendingBytes: 16_384,
  ports: 16,
  calls: 64,
  streams: 32,
  handshakeMs: 60_000,
  pingMs: 60_000,
  pongMs: 5_000,
  closeMs: 5_000,
  ackMs: 60_000,
  refusalMs: 0
}

type Budgets = ConstructorParameters<typeof Admission>[0]

/** More than any test takes that is not about them. */
const BUDGETS: Budgets = {
  trustedProxies: ['127.0.0.1'],
  ipv6Prefix: 64,
  failedLoginsPerMinute: 1_000_000,
  framesPerSecond: 1_000_000,
  bytesPerSecond: 1_000_000_000,
  httpConnections: { total: 1_000, perKey: 1_000 },
  rpcConnections: { total: 1_000, perKey: 1_000 },
  answerBytes: { total: 1_000_000_000, perKey: 1_000_000_000 }
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
  /** The budgets for which something was refused. */
  readonly refused: string[] = []
  /** Contexts that were given out and not disposed of, and how often a handshake was asked for. */
  sessions = 0
  handshakes = 0
  /** What a handshake waits for before its verdict. */
  verification: Promise<void> = Promise.resolve()
  readonly server: SocketServer<unknown, unknown>
  url = ''

  private constructor(limits: Partial<RpcLimits>, budgets: Partial<Budgets>) {
    const services = [echoService(this.inside)]
    const open = (): ClientServices<unknown> => {
      this.sessions++
      return { services, context: {}, dispose: () => void this.sessions-- }
    }
    this.server = new SocketServer({
      host: '127.0.0.1',
      port: 0,
      admission: new Admission({ ...BUDGETS, ...budgets }, budget => this.refused.push(budget)),
      limits: { ...LIMITS, ...limits },
      observer: this.observed,
      onError: error => this.errors.push(error),
      onRefused: () => undefined,
      openPlain: open,
      handshake: async headers => {
        this.handshakes++
        await this.verification
        verdict(headers)
        return open()
      }
    })
  }

  static async start(limits: Partial<RpcLimits> = {}, budgets: Partial<Budgets> = {}): Promise<Engine> {
    const engine = new Engine(limits, budgets)
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
