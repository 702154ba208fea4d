import { createServer, type Server } from 'node:net'
import { type Folder, freshDataDir } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { freePort, listenOnFreePort } from '../env/ports.ts'
import { program } from '../env/program.ts'
import { ServerProcess } from '../env/server-process.ts'
import { until } from '../env/until.ts'

export interface Service {
  readonly httpUrl: string
  readonly rpcUrl: string
  readonly process: ServerProcess
}

/** What a test starts, and what goes with it. */
export class Programs implements AsyncDisposable {
  #opened: AsyncDisposable[] = []

  /**
   * The service as a process of its own, on an embedded database; not started.
   * @param prefix a command that runs it, such as `prlimit`
   */
  async create(
    folder: Folder,
    settings: Readonly<Record<string, string>> = {},
    prefix: readonly string[] = []
  ): Promise<Service> {
    const [httpPort, rpcPort] = [String(await freePort()), String(await freePort())]
    const ports = { HOST: '127.0.0.1', HTTP_PORT: httpPort, RPC_PORT: rpcPort }
    const env = { ...ports, DATA_DIR: folder.path, LOG_LEVEL: 'error', ...settings }
    const httpUrl = `http://127.0.0.1:${env.HTTP_PORT}`
    const isReady = (): Promise<boolean> =>
      fetch(`${httpUrl}/health/startup`, { signal: AbortSignal.timeout(paced(1_000)) }).then(
        ({ ok }) => ok,
        () => false
      )
    // The folder of a process is where it looks for `.env`.
    const process = new ServerProcess([...prefix, ...(await program())], isReady, { env, cwd: folder.path })
    this.own({ [Symbol.asyncDispose]: async () => void (await process.stop('SIGKILL')) })
    return { httpUrl, rpcUrl: `ws://127.0.0.1:${env.RPC_PORT}`, process }
  }

  /** Starts a service that cannot start. @returns what it says, to the last line */
  async failure({ process }: Service): Promise<string> {
    const outcome = await process.start().then(
      () => 'started',
      (error: Error) => error.message
    )
    if (!outcome.includes('ended with 1')) throw new Error(outcome)
    await until(() => process.output !== '', 'it says why')
    return process.output.trim()
  }

  async dataDir(): Promise<Folder> {
    return this.own(await freshDataDir())
  }

  async listener(): Promise<{ readonly server: Server; readonly port: string }> {
    const server = createServer()
    const port = String(await listenOnFreePort(server))
    this.own({ [Symbol.asyncDispose]: async () => void server.close() })
    return { server, port }
  }

  own<Part extends AsyncDisposable>(part: Part): Part {
    this.#opened.push(part)
    return part
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
  }
}
