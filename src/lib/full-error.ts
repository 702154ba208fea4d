/** Thrown by what has a bound, when it is reached. Whoever owns the bound says what that means to a client. */
export class FullError extends Error {
  override readonly name = 'FullError'
}
