import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'
import { SocialError } from '../../domain/errors.ts'
import { homeserverPool } from '../client/pool.ts'

/** A request for the homeserver. */
export interface UpstreamRequest {
  readonly method: string
  /** From `/_matrix` on, encoded. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: AsyncIterable<Buffer> | Buffer | null
  /** Ends the request, also while the answer is on its way. */
  readonly signal: AbortSignal
}

/** What the homeserver answers; its receiver reads the body to its end, or destroys it. */
export interface UpstreamAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Dispatcher.ResponseData['body']
}

interface UpstreamOptions {
  readonly url: string
  /** Longest time for a connection, in milliseconds. */
  readonly connectTimeoutMs: number
  /** Called when it cannot be reached any more, and when it can again. */
  readonly onChange: (isAway: boolean) => void
}

/**
 * The homeserver, as far as requests of clients go through to it. It has as many connections as there are requests:
 * long polls hold theirs for minutes, and nothing may wait behind them. The caller bounds how many there are.
 */
export class Upstream {
  readonly #pool: Pool
  readonly #basePath: string
  readonly #onChange: (isAway: boolean) => void
  #isAway = false

  constructor({ url, connectTimeoutMs, onChange }: UpstreamOptions) {
    const { pool, basePath } = homeserverPool(url, {
      connections: null,
      connect: { timeout: connectTimeoutMs },
      // Deadlines come with the signal, which covers a whole request; these start anew with each part of it.
      headersTimeout: 0,
      bodyTimeout: 0
    })
    this.#pool = pool
    this.#basePath = basePath
    this.#onChange = onChange
  }

  /** @throws SocialError `unavailable`; whatever `body` throws */
  async request({ method, path, headers, body, signal }: UpstreamRequest): Promise<UpstreamAnswer> {
    let failureOfBody: unknown
    const watched = body === null || Buffer.isBuffer(body) ? body : watch(body, error => (failureOfBody = error))
    try {
      const answer = await this.#pool.request({
        method: method as Dispatcher.HttpMethod,
        path: this.#basePath + path,
        headers,
        signal,
        body: watched as Dispatcher.RequestOptions['body'] & {}
      })
      this.#setAway(false)
      return { status: answer.statusCode, headers: answer.headers, body: answer.body }
    } catch (error) {
      if (failureOfBody !== undefined) throw failureOfBody
      if (isUnreachable(error)) this.#setAway(true)
      throw new SocialError('unavailable', 'The homeserver does not answer, try again')
    }
  }

  /** Ends the connections; requests under way fail. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  #setAway(isAway: boolean): void {
    if (this.#isAway === isAway) return
    this.#isAway = isAway
    this.#onChange(isAway)
  }
}

/** Tells apart what went wrong on the way in from what went wrong on the way out. */
async function* watch(body: AsyncIterable<Buffer>, onError: (error: unknown) => void): AsyncGenerator<Buffer> {
  try {
    yield* body
  } catch (error) {
    onError(error)
    throw error
  }
}

function isUnreachable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return (
    code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'EHOSTUNREACH' || code === 'ENOTFOUND'
  )
}
