import { z } from 'zod'

/** The largest answer that is read, in bytes: a block of the main network with all its transaction hashes fits. */
const MAX_ANSWER_BYTES = 1024 * 1024

const answerSchema = z.looseObject({
  jsonrpc: z.literal('2.0'),
  error: z.looseObject({ code: z.number() }).nullish()
})

/** EIP-1474: "resource unavailable" and "limit exceeded" speak of the node; any other error is about the call. */
const NODE_ERRORS: ReadonlySet<number> = new Set([-32002, -32005])

/**
 * A JSON-RPC provider as @dcl/crypto takes it, for one verification: every call shares one deadline. It remembers
 * whether the node ever failed to answer, because @dcl/crypto takes a lost answer for a refusal.
 */
export class EthereumProvider {
  readonly #url: string
  readonly #deadline: AbortSignal
  #failed = false

  constructor(url: string, timeoutMs: number) {
    this.#url = url
    this.#deadline = AbortSignal.timeout(timeoutMs)
  }

  get failed(): boolean {
    return this.#failed
  }

  sendAsync(request: unknown, callback: (error: unknown, answer?: unknown) => void): void {
    this.#call(request).then(
      answer => callback(null, answer),
      error => {
        this.#failed = true
        callback(error)
      }
    )
  }

  async #call(request: unknown): Promise<unknown> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
      redirect: 'error',
      signal: this.#deadline
    })
    const text = await readBounded(response)
    if (!response.ok) throw new Error(`The Ethereum node answered ${response.status}`)
    const answer = answerSchema.parse(JSON.parse(text))
    if (answer.error && NODE_ERRORS.has(answer.error.code)) throw new Error('The Ethereum node is over its limits')
    return answer
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new Error('The answer of the Ethereum node is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
