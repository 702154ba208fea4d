import { End, type EndSignal } from '../../lib/end-signal.ts'
import type { CloseReason } from './close-codes.ts'
import type { Call, CallCode, ConnectionInfo, Procedure } from './service.ts'

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
  #end: End | undefined
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
  get signal(): EndSignal {
    this.#end ??= new End()
    if (this.#over) this.#end.abort()
    return this.#end
  }

  get over(): boolean {
    return this.#over
  }

  end(): void {
    this.#over = true
    this.#end?.abort()
  }
}
