import type { Admission } from '../admission/admission.ts'
import type { TokenHolders } from './authenticator.ts'

/**
 * Finds out whose token it is. While tokens from an address have failed too often, those are refused that would have to
 * be looked up; who is known is served all the same.
 * @throws SocialError `too_many_requests`, and as {@link TokenHolders.authenticate}
 */
export async function authenticateFrom<Holder>(
  addressGroup: string,
  token: string,
  { sessions, admission }: { readonly sessions: TokenHolders<Holder>; readonly admission: Admission }
): Promise<Holder> {
  const find = () => sessions.authenticate(token)
  const isServed = !admission.failedLogins.isLevel(addressGroup) && sessions.isKnown(token)
  return isServed ? find() : admission.authenticate(addressGroup, find)
}
