const REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/authorization|authentication/i, 'NATS refuses the user, the password or the token: correct NATS_URL'],
  [/permission/i, 'NATS does not let this user listen: allow it to subscribe to peer.>'],
  [/CERT|SIGNATURE|ISSUER|certificate/, 'the certificate of NATS is not trusted: set NODE_EXTRA_CA_CERTS'],
  [
    /wrong version number|ERR_SSL|TLS|secure/i,
    'NATS and this service do not agree on TLS: correct nats:// or tls:// in NATS_URL'
  ],
  [/ENOTFOUND|EAI_/, 'the host of NATS_URL is unknown'],
  [/timeout|timed out/i, 'NATS does not answer in time']
]

/** What keeps NATS from being used, in words, with what to do where that is known. */
export function natsReason(error: unknown): string {
  if (error === undefined) return 'NATS has closed the connection'
  const detail = detailOf(error)
  const [, known = 'NATS cannot be reached'] = REASONS.find(([pattern]) => pattern.test(detail)) ?? []
  return `${known} (${detail})`
}

/** What was thrown, and what caused it: the library hides the code of the system in there. */
function detailOf(error: unknown): string {
  const { code, message, cause } = error as Record<string, unknown>
  const own = [code, message].filter(part => typeof part === 'string' && part !== '').join(': ')
  return cause instanceof Error ? `${own}; ${detailOf(cause)}` : own
}
