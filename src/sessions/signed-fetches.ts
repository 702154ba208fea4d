import { createHash } from 'node:crypto'
import type { AuthChainVerifier } from '../auth/auth-chain.ts'
import { type SignedFetch, type SignedRequest, verifySignedFetch } from '../auth/signed-fetch.ts'
import { SocialError } from '../domain/errors.ts'
import { EventLoopThrottle } from '../lib/event-loop-throttle.ts'
import type { SignedRequestStore } from '../storage/signed-requests.ts'

/** To verify one takes up to a millisecond, in which nobody else is served; everybody may come at once. */
const THROTTLE = { perTurn: 16, maxWaiting: 20_000 }
/** For how much longer than it is valid the use of a signature is remembered: clocks differ. In milliseconds. */
const CLOCK_MARGIN_MS = 5 * 60_000

interface SignedFetchesDeps {
  readonly verifier: AuthChainVerifier
  readonly store: SignedRequestStore
  /** See {@link SignedRequest}. */
  readonly pathPrefix: string
  /** Unix milliseconds. */
  readonly now: () => number
}

/**
 * Users who sign each request instead of logging in. They have no session: nothing is stored of a reader, and what
 * ends sessions ends nothing here, as the next request would be signed anew.
 */
export class SignedFetches {
  readonly #deps: SignedFetchesDeps
  readonly #throttle = new EventLoopThrottle(THROTTLE)

  constructor(deps: SignedFetchesDeps) {
    this.#deps = deps
  }

  /** Who signed a request. @throws SocialError as {@link verifySignedFetch}; FullError */
  async authenticate(
    headers: Readonly<Record<string, unknown>>,
    request: Omit<SignedRequest, 'pathPrefix'>
  ): Promise<SignedFetch> {
    const { verifier, pathPrefix, now } = this.#deps
    await this.#throttle.next()
    return verifySignedFetch(headers, { ...request, pathPrefix }, verifier, now())
  }

  /**
   * Takes the signature of a request that changes something as used. Neither query nor body are signed: one who sees the
   * headers could put another one beside them. The same request again is served, as it changes nothing more.
   * @param rest what is not signed of the request
   * @throws SocialError `forbidden` when the signature was used for another request
   */
  async useOnce({ address, signer, payload, staleAt }: SignedFetch, rest: string): Promise<void> {
    // Not of the signature, which anyone can respell.
    const signature = sha256(`signed-fetch:${address}:${signer}:${payload}`)
    const request = sha256(`${signature.toString('hex')}:${rest}`)
    const isUsable = await this.#deps.store.use({ signature, request, expiresAt: staleAt + CLOCK_MARGIN_MS })
    if (!isUsable) throw new SocialError('forbidden', 'This signature was used for another request: sign each anew')
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
