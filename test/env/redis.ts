import { createConnection } from 'node:net'
import { freePort } from './ports.ts'
import { findProgram, ServerProcess, TestServer } from './server-process.ts'

/** The program, or null when it is not installed. */
export function redisProgram(): string | null {
  return findProgram('redis-server')
}

/** A Redis of its own, which keeps nothing, on a port of its own. */
export class RedisServer extends TestServer implements AsyncDisposable {
  readonly url: string

  private constructor(port: number, process: ServerProcess) {
    super(process)
    this.url = `redis://127.0.0.1:${port}`
  }

  /** @param settings of its command line, beside those of every test */
  static async start(...settings: readonly string[]): Promise<RedisServer> {
    const program = redisProgram()
    if (!program) throw new Error('Redis is not installed')
    const port = await freePort()
    const options = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no', ...settings]
    const server = new ServerProcess([program, '--port', String(port), ...options], () => answers(port))
    await server.start()
    return new RedisServer(port, server)
  }

  get pid(): number {
    return this.process.pid!
  }

  /** Ends it in good order (SIGTERM) or at once (SIGKILL). */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.process.stop(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(settle => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const done = (isReady: boolean): void => {
      socket.destroy()
      settle(isReady)
    }
    socket.once('data', reply => done(reply.toString().startsWith('+PONG')))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
  })
}
