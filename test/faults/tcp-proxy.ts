import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { listenOnFreePort } from '../env/ports.ts'

/** What a proxy does with a piece of data: lets it pass, swallows it, or breaks the connection instead. */
type Verdict = 'pass' | 'swallow' | 'break'

/** Sees every piece of data before it passes; each connection has a number. */
export type Inspector = (data: Buffer, from: 'client' | 'server', connection: number) => Verdict | Promise<Verdict>

/** Stands between the service and PostgreSQL, and breaks their connections at the very moment that a test wants. */
export class TcpProxy implements AsyncDisposable {
  /** Where the service finds the database. */
  readonly url: string
  inspect: Inspector = () => 'pass'
  /** Connections that were broken at once. */
  refused = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: URL
  #isRefusing = false
  #connections = 0

  private constructor(server: Server, port: number, target: URL) {
    this.#server = server
    this.#target = target
    const url = new URL(target)
    url.port = String(port)
    this.url = url.href
    server.on('connection', client => {
      if (this.#isRefusing) {
        this.refused += 1
        client.destroy()
      } else this.#join(client, connect(Number(this.#target.port), this.#target.hostname))
    })
  }

  static async start(target: string): Promise<TcpProxy> {
    const server = createServer()
    return new TcpProxy(server, await listenOnFreePort(server), new URL(target))
  }

  /** Sends new connections to another server; those that there are stay where they are. */
  retarget(url: string): void {
    this.#target = new URL(url)
  }

  /** Breaks all connections, but none that comes. */
  breakAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Breaks all connections, and every new one at once. */
  refuse(): void {
    this.#isRefusing = true
    this.breakAll()
  }

  accept(): void {
    this.#isRefusing = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #join(client: Socket, server: Socket): void {
    const connection = ++this.#connections
    for (const [from, to, name] of [[client, server, 'client'] as const, [server, client, 'server'] as const]) {
      this.#sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.on('data', async data => {
        from.pause()
        const verdict = await this.inspect(data, name, connection)
        if (verdict === 'break') from.destroy()
        else if (verdict === 'pass') to.write(data)
        from.resume()
      })
    }
  }
}
