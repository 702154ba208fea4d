import type { CloseReason } from './close-codes.ts'
import type { Call, CallCode, ConnectionInfo, Procedure } from './service.ts'

/** Why signals abort. One for all: its stack would say nothing, and taking one for each stream is dear. */
const CALL_OVER = new DOMException('The call is over', 'AbortError')

/** One call of one client, open until nobody waits for it any more. */
export class OpenCall<Context> implements Call<Context> {
  readonly connection: ConnectionInfo<Context>
  readonly procedure: Procedure<Context>
  /** The client's number of the request. */
  readonly number: number
  readonly portId: number
  readonly bytesIn: number
  readonly startedAt = performance.now()
  code: CallCode = 'ok'
  closeAfter: CloseReason | undefined
  acknowledged = 0
  holder: string | null = null
  source: unknown = null
  #controller: AbortController | undefined
  #over = false

  constructor(
    connection: ConnectionInfo<Context>,
    procedure: Procedure<Context>,
    request: { readonly number: number; readonly portId: number; readonly payload: Uint8Array }
  ) {
    this.connection = connection
    this.procedure = procedure
    this.number = request.number
    this.portId = request.portId
    this.bytesIn = request.payload.length
  }

  /** Made when it is first read: most unary calls are answered before anyone would listen. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#over) this.#controller.abort(CALL_OVER)
    return this.#controller.signal
  }

  get over(): boolean {
    return this.#over
  }

  end(): void {
    this.#over = true
    this.#controller?.abort(CALL_OVER)
  }
}

/** Whether `error` only says that a procedure stopped because its call was over. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
