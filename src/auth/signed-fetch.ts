import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { type AuthChain, type AuthChainVerifier, authChainSchema } from './auth-chain.ts'

const CHAIN_HEADER = 'x-identity-auth-chain-'
const TIMESTAMP_HEADER = 'x-identity-timestamp'
const METADATA_HEADER = 'x-identity-metadata'

const MAX_LINKS = 10
/** In characters: a link with the longest payload and signature, with room for its JSON. */
const MAX_LINK_LENGTH = 16_384
const MAX_METADATA_LENGTH = 4_096

/** Every header that a signed fetch may have. */
export const SIGNED_FETCH_HEADERS = [
  ...Array.from({ length: MAX_LINKS }, (_, link) => `${CHAIN_HEADER}${link}`),
  TIMESTAMP_HEADER,
  METADATA_HEADER
]

/** How far the clocks of client and server may be apart, either way, in milliseconds. */
const WINDOW_MS = 5 * 60_000

/** How an explorer signs what a scene asks for, and not its user. */
const SCENE_SIGNER = 'decentraland-kernel-scene'

/** What is signed, and by whom it was sent. */
export interface SignedRequest {
  readonly method: string
  /** As it came, without the query. */
  readonly path: string
  /** What clients have before the path where a proxy takes it away, such as `/social`. */
  readonly pathPrefix?: string
  /** See {@link AuthChainVerifier.verify}. */
  readonly client?: string
}

/** Who made a signed request. */
export interface SignedFetch {
  readonly address: Address
  /** Whose key signed: that of the last delegation. */
  readonly signer: Address
  /** When the authority of that key ends, in unix milliseconds; null when it is the user's own. */
  readonly expiresAt: number | null
  /** What was signed. */
  readonly payload: string
  /** From when on this is stale, in unix milliseconds. */
  readonly staleAt: number
}

/** Whether a request claims to be signed. @param headers of an HTTP request, their names in lower case */
export function isSignedFetch(headers: Readonly<Record<string, unknown>>): boolean {
  return `${CHAIN_HEADER}0` in headers
}

/**
 * Verifies a signed fetch (ADR-44): who signed this method and path, not more than five minutes ago or ahead.
 * @param headers of an HTTP request, or the JSON object that opens a v2 socket; names in any letter case
 * @param now unix milliseconds
 * @throws SocialError `invalid_request` (malformed), `unauthorized` (stale, by a scene, or not signed so),
 *   `unavailable`, `too_many_requests` (see {@link AuthChainVerifier})
 */
export async function verifySignedFetch(
  headers: Readonly<Record<string, unknown>>,
  request: SignedRequest,
  verifier: AuthChainVerifier,
  now: number
): Promise<SignedFetch> {
  const identity = identityHeaders(headers)
  const chain = readChain(identity)
  const timestamp = readTimestamp(identity)
  // Absent is the same as empty, in the signed text too.
  const rawMetadata = readText(identity, METADATA_HEADER, MAX_METADATA_LENGTH) ?? ''
  const metadata = readMetadata(rawMetadata)

  if (!(Math.abs(now - Number(timestamp)) <= WINDOW_MS)) throw new SocialError('unauthorized', 'The signature is stale')
  if (isOfScene(rawMetadata, metadata)) throw new SocialError('unauthorized', 'Scenes cannot sign in')

  const payload = payloadOf(request, timestamp, rawMetadata, chain.at(-1)?.payload)
  const { owner, signer, expiresAt } = await verifier.verify(chain, payload, now, request.client)
  return { address: owner, signer, expiresAt, payload, staleAt: Number(timestamp) + WINDOW_MS + 1 }
}

/**
 * What must be signed. Older clients put all of it in lower case, newer ones (version 6 of `@dcl/crypto-middleware`)
 * leave the metadata as it is: what was `claimed`, if it is any of these.
 */
function payloadOf(
  { method, path, pathPrefix = '' }: SignedRequest,
  timestamp: string,
  metadata: string,
  claimed: string | undefined
): string {
  const spellings = [path, pathPrefix + path]
    .map(each => [method, each, timestamp].join(':').toLowerCase())
    .flatMap(head => [`${head}:${metadata.toLowerCase()}`, `${head}:${metadata}`])
  return spellings.find(each => each === claimed) ?? [method, path, timestamp, metadata].join(':').toLowerCase()
}

/** The headers of the scheme under their lower-case names. */
function identityHeaders(headers: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const identity = new Map<string, unknown>()
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase()
    if (!key.startsWith('x-identity-')) continue
    if (identity.has(key)) throw malformed(`${key} was sent twice`)
    identity.set(key, value)
  }
  return identity
}

function readChain(identity: ReadonlyMap<string, unknown>): AuthChain {
  const links: unknown[] = []
  for (let text = readLink(identity, 0); text !== undefined; text = readLink(identity, links.length)) {
    if (links.length === MAX_LINKS) throw malformed(`The auth chain has more than ${MAX_LINKS} links`)
    links.push(parseJson(text, `${CHAIN_HEADER}${links.length}`))
  }
  const chain = authChainSchema.safeParse(links)
  if (!chain.success) throw malformed('The auth chain is missing or malformed')
  return chain.data
}

function readLink(identity: ReadonlyMap<string, unknown>, index: number): string | undefined {
  return readText(identity, `${CHAIN_HEADER}${index}`, MAX_LINK_LENGTH)
}

function readTimestamp(identity: ReadonlyMap<string, unknown>): string {
  const timestamp = readText(identity, TIMESTAMP_HEADER, 16)
  if (timestamp === undefined || !/^\d+$/.test(timestamp))
    throw malformed(`${TIMESTAMP_HEADER} must be unix milliseconds`)
  return timestamp
}

function readMetadata(text: string): Record<string, unknown> {
  const metadata = text === '' ? {} : parseJson(text, METADATA_HEADER)
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw malformed(`${METADATA_HEADER} must be a JSON object`)
  }
  return metadata as Record<string, unknown>
}

/**
 * What was signed is lower case, so anybody who forwards it is free to respell keys and values, and to send a key twice.
 * Nothing but a scene bears the name, so it is looked for everywhere: in the text, and with its escapes resolved.
 */
function isOfScene(text: string, metadata: Record<string, unknown>): boolean {
  return [text, JSON.stringify(metadata)].some(spelling => spelling.toLowerCase().includes(SCENE_SIGNER))
}

function readText(identity: ReadonlyMap<string, unknown>, name: string, maxLength: number): string | undefined {
  const value = identity.get(name)
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw malformed(`${name} must be a text`)
  if (value.length > maxLength) throw malformed(`${name} is longer than ${maxLength} characters`)
  return value
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed(`${name} is not JSON`)
  }
}

function malformed(message: string): SocialError {
  return new SocialError('invalid_request', message)
}
