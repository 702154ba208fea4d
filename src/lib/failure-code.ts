/** The code of a failure of the network, such as ECONNREFUSED or UND_ERR_SOCKET. Its message may hold the URL. */
export function failureCode(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN'
  if (error.name === 'TimeoutError') return 'TIMEOUT'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
