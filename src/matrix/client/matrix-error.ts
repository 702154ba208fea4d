/** An error of the Matrix client-server API, with its own HTTP status and errcode. */
export class MatrixError extends Error {
  override readonly name = 'MatrixError'
  readonly status: number
  readonly errcode: string

  constructor(status: number, errcode: string, message: string) {
    super(message)
    this.status = status
    this.errcode = errcode
  }
}
