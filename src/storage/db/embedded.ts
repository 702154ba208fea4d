import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Logger } from '../../observability/logger.ts'
import { DataDirError, type DataLock, lockDataDir } from './data-lock.ts'

// Plain JavaScript, so that it runs from the sources too: Node 20 cannot start a worker from TypeScript.
const WORKER = new URL('./embedded-worker.js', import.meta.url)
/** How long the engine may take to write what it holds and end, in milliseconds. */
const CLOSE_DEADLINE_MS = 3_000

/**
 * PostgreSQL in WebAssembly (PGlite), in a thread of its own because it computes synchronously. It speaks the protocol
 * of PostgreSQL over message ports, which costs a third of what sockets do. It has one session: the newest connection.
 */
export class EmbeddedEngine {
  readonly #worker: Worker
  readonly #lock: DataLock
  readonly #exited: Promise<unknown>
  #hasExited = false
  #isClosing = false

  private constructor(worker: Worker, lock: DataLock, logger: Logger) {
    this.#worker = worker
    this.#lock = lock
    worker.on('error', error => logger.error({ err: error }, 'The embedded database failed'))
    this.#exited = new Promise(resolve => worker.once('exit', resolve))
    this.#exited.then(() => {
      this.#hasExited = true
      if (!this.#isClosing) logger.error('The embedded database has stopped, the service must be started again')
    })
  }

  /**
   * Opens the database in a folder, which it makes when there is none.
   * @param vacuumMs how often what was deleted is cleared away, in milliseconds; everything else waits meanwhile
   * @throws DataInUseError when another process has the folder; DataDirError when it cannot be opened
   */
  static async start(dataDir: string, logger: Logger, vacuumMs: number): Promise<EmbeddedEngine> {
    const lock = await lockDataDir(dataDir)
    const worker = new Worker(WORKER, { workerData: { dataDir, vacuumMs }, execArgv: [] })
    try {
      await Promise.race([once(worker, 'message'), once(worker, 'exit').then(() => Promise.reject(stopped()))])
      return new EmbeddedEngine(worker, lock, logger)
    } catch (error) {
      await worker.terminate()
      await lock.release()
      const reason = error instanceof Error ? error.message : String(error)
      const remedy = 'bring back a backup, or set DATA_DIR to another folder'
      throw new DataDirError(`The embedded database in ${dataDir} could not be opened: ${remedy} (${reason})`)
    }
  }

  /** It has ended by itself, and answers nothing any more. */
  get hasExited(): boolean {
    return this.#hasExited
  }

  /** A connection, for the `stream` of a node-postgres client. It ends the one before. */
  connect(): Duplex {
    const { port1, port2 } = new MessageChannel()
    const connection = new PortStream(port1)
    if (this.#hasExited) {
      port2.close()
      return connection.destroy(stopped())
    }
    this.#worker.postMessage(port2, [port2])
    return connection
  }

  /** Writes everything that is still in memory, and lets the folder go. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (!this.#hasExited) this.#worker.postMessage('close')
    const stuck = setTimeout(() => this.#worker.terminate(), CLOSE_DEADLINE_MS)
    await this.#exited
    clearTimeout(stuck)
    await this.#lock.release()
  }
}

/** A message port as the socket that a node-postgres client expects. */
class PortStream extends Duplex {
  readonly #port: MessagePort

  constructor(port: MessagePort) {
    super()
    this.#port = port
    port.on('message', (answer: Uint8Array[]) => {
      for (const bytes of answer) this.push(bytes)
    })
    // Also when the engine dies, however it does.
    port.on('close', () => this.destroy())
  }

  connect(): void {
    process.nextTick(() => this.emit('connect'))
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}

  /** An answer is no longer than what was queried, and there is one query at a time: nothing piles up. */
  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#send([chunk], done)
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: () => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done
    )
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#port.close()
    done(error)
  }

  /** Sends a query in one message, in memory that changes its owner. */
  #send(chunks: readonly Uint8Array[], done: () => void): void {
    const message = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
    let at = 0
    for (const chunk of chunks) {
      message.set(chunk, at)
      at += chunk.length
    }
    this.#port.postMessage(message, [message.buffer])
    done()
  }
}

function stopped(): Error {
  return Object.assign(new Error('The embedded database has stopped'), { code: 'ECONNRESET' })
}
