import { createConnection } from 'node:net'
import { freePort } from './ports.ts'
import { findProgram, ServerProcess, TestServer } from './server-process.ts'

/** The program, or null when it is not installed. */
export function natsProgram(): string | null {
  return findProgram('nats-server', ['/usr/sbin'])
}

/** A NATS of its own, on a port of its own, which it keeps when it is started again. */
export class NatsServer extends TestServer implements AsyncDisposable {
  readonly port: number
  readonly url: string

  private constructor(port: number, process: ServerProcess) {
    super(process)
    this.port = port
    this.url = `nats://127.0.0.1:${port}`
  }

  /** @param options of the command line, such as `--user` */
  static async start(...options: readonly string[]): Promise<NatsServer> {
    const server = await NatsServer.create(...options)
    await server.start()
    return server
  }

  /** One that is still to be started. */
  static async create(...options: readonly string[]): Promise<NatsServer> {
    const program = natsProgram()
    if (!program) throw new Error('NATS is not installed')
    const port = await freePort()
    const command = [program, '--addr', '127.0.0.1', '--port', String(port), ...options]
    return new NatsServer(port, new ServerProcess(command, () => greets(port)))
  }

  /** Ends it in good order (SIGTERM) or at once (SIGKILL). */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.process.stop(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
  }
}

/** NATS speaks first. */
function greets(port: number): Promise<boolean> {
  return new Promise(settle => {
    const socket = createConnection(port, '127.0.0.1')
    const done = (isReady: boolean): void => {
      socket.destroy()
      settle(isReady)
    }
    socket.once('data', greeting => done(greeting.toString().startsWith('INFO ')))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
  })
}
