import { Agent, request } from 'undici'
import type { Address } from '../domain/address.ts'
import { parseAnswer } from './catalyst-answer.ts'
import type { Profile } from './profile.ts'

/** The largest answer that is read, in bytes: forty kilobytes for each profile of a full call. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

export interface CatalystOptions {
  /** Without a slash at its end. */
  readonly url: string
  /** For a whole call, from its start to the last byte of its answer. */
  readonly timeoutMs: number
}

/** A Decentraland Catalyst, which holds the profiles that users write of themselves. */
export class Catalyst {
  readonly #endpoint: string
  readonly #timeoutMs: number
  readonly #agent: Agent

  constructor({ url, timeoutMs }: CatalystOptions) {
    this.#endpoint = `${url}/lambdas/profiles`
    this.#timeoutMs = timeoutMs
    this.#agent = new Agent({ maxResponseSize: MAX_ANSWER_BYTES, connect: { timeout: timeoutMs } })
  }

  /**
   * The profiles of those users who have one.
   * @throws Error when there is no usable answer in time
   */
  async profiles(addresses: readonly Address[]): Promise<ReadonlyMap<Address, Profile>> {
    const { statusCode, body } = await request(this.#endpoint, {
      dispatcher: this.#agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: addresses }),
      // The only deadline: the timeouts of the library start again with every byte.
      signal: AbortSignal.timeout(this.#timeoutMs),
      headersTimeout: 0,
      bodyTimeout: 0
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`The Catalyst answered ${statusCode}`)
    return parseAnswer(JSON.parse(text), addresses)
  }

  /** Ends every call that is under way with an error. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }
}
