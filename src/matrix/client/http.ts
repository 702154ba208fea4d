import type { Dispatcher, Pool } from 'undici'
import type { z } from 'zod'
import { failureCode } from '../../lib/failure-code.ts'
import { errorOf, HomeserverError } from './errors.ts'
import { homeserverPool } from './pool.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export interface HomeserverHttpOptions {
  /** Where the homeserver is, with a path in front of `/_matrix` if there is one. */
  readonly url: string
  /** Longest time of a call in milliseconds, from the wait for a connection to the last byte of the answer. */
  readonly timeoutMs: number
  /** Most connections, and so calls under way, at one time. */
  readonly connections: number
}

/** One request of the client-server API. */
export interface HomeserverCall {
  /** What errors call it. */
  readonly operation: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Of the API; `v3` unless given. */
  readonly version?: 'v1' | 'v3'
  /** What follows the version, each part as it is, not encoded. */
  readonly path: readonly string[]
  readonly query?: Readonly<Record<string, string>>
  readonly body?: JsonObject
  readonly token: string
  /** Whether the token is the `as_token`. */
  readonly asService: boolean
}

/** Longest answer that is read, in bytes: the members of a room of 20,000, or `m.direct` of a very friendly user. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024

/** Calls that may wait, for each connection; beyond them the homeserver counts as away. */
const MAX_WAITING = 100

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  /** Undefined when the body is not JSON. */
  readonly body: unknown
}

/** JSON calls to one homeserver over persistent connections, each with a deadline. */
export class HomeserverHttp {
  readonly #pool: Pool
  readonly #prefix: string
  readonly #timeoutMs: number
  readonly #maxOpen: number
  #open = 0

  constructor({ url, timeoutMs, connections }: HomeserverHttpOptions) {
    const { pool, basePath } = homeserverPool(url, {
      connections,
      connect: { timeout: timeoutMs },
      maxResponseSize: MAX_RESPONSE_BYTES
    })
    this.#pool = pool
    this.#prefix = `${basePath}/_matrix/client/`
    this.#timeoutMs = timeoutMs
    this.#maxOpen = connections * (1 + MAX_WAITING)
  }

  /**
   * The answer to a call, as the schema reads it.
   * @throws HomeserverError
   */
  async call<T>(call: HomeserverCall, schema: z.ZodType<T>): Promise<T> {
    const { operation, asService } = call
    const answer = await this.#execute(call)
    if (answer.status < 200 || answer.status > 299) throw errorOf(operation, answer, asService)
    const { data } = schema.safeParse(answer.body)
    if (data === undefined) throw new HomeserverError({ kind: 'unavailable', operation, status: answer.status })
    return data
  }

  /** Ends the connections; calls under way fail. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #execute(call: HomeserverCall): Promise<Answer> {
    const { operation } = call
    if (this.#open >= this.#maxOpen) throw new HomeserverError({ kind: 'unavailable', operation, code: 'BUSY' })
    this.#open += 1
    try {
      return await this.#send(call)
    } catch (error) {
      throw new HomeserverError({ kind: 'unavailable', operation, code: failureCode(error) })
    } finally {
      this.#open -= 1
    }
  }

  async #send({ method, version = 'v3', path, query, body, token }: HomeserverCall): Promise<Answer> {
    const request: Dispatcher.RequestOptions = {
      method,
      path: this.#prefix + [version, ...path.map(encodeSegment)].join('/'),
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      // Covers the whole call: the deadlines of undici start anew with each part of the answer.
      signal: AbortSignal.timeout(this.#timeoutMs),
      ...(query && { query }),
      ...(body && { body: JSON.stringify(body) })
    }
    const { statusCode, headers, body: stream } = await this.#pool.request(request)
    const retryAfter = headers['retry-after']
    return {
      status: statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      body: parseJson(await stream.text())
    }
  }
}

/** One part of a path; what is in it can neither add parts nor take any away. */
function encodeSegment(text: string): string {
  // Through bytes, because encodeURIComponent throws at half a surrogate pair.
  const encoded = encodeURIComponent(Buffer.from(text).toString())
  return /^\.{1,2}$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
