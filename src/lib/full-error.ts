/** The bound of a queue is reached. What that means to a client is for the owner of the queue to say. */
export class FullError extends Error {
  override readonly name = 'FullError'
}
