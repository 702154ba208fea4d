import type { Admission } from '../admission/admission.ts'
import type { Authenticator, SessionHolder } from './authenticator.ts'

/**
 * Finds out whose token it is. While tokens from an address have failed too often, those are refused that would have to
 * be looked up; who is known is served all the same.
 * @throws SocialError `too_many_requests`, and as {@link Authenticator.authenticate}
 */
export async function authenticateFrom(
  addressGroup: string,
  token: string,
  { sessions, admission }: { readonly sessions: Authenticator; readonly admission: Admission }
): Promise<SessionHolder> {
  const find = () => sessions.authenticate(token)
  const isServed = !admission.failedLogins.isLevel(addressGroup) && sessions.isKnown(token)
  return isServed ? find() : admission.authenticate(addressGroup, find)
}
