import { publicError, SocialError } from '../domain/errors.ts'
import type { Call, ErrorReporter, StreamProcedure, UnaryProcedure } from './engine/service.ts'
import { type Opened, SubscriptionElements } from './subscription-elements.ts'

/** A method of a generated service definition. */
export interface Method<Request, Response> {
  readonly name: string
  readonly requestType: { decode(input: Uint8Array): Request }
  readonly responseType: { encode(message: Response): { finish(): Uint8Array } }
}

/** What makes a procedure out of a method: how it is refused, and what it does. */
interface Handler<Request, Response, Context, Result> {
  readonly method: Method<Request, Response>
  /** The error case of the response; throws the error itself when the response has none. */
  readonly refuse: (error: SocialError) => NoInfer<Response>
  readonly handle: (request: NoInfer<Request>, call: Call<Context>) => Result
}

/**
 * The one place where bytes become a request, and where a failure becomes a typed response. Whatever is thrown ends
 * here: a SocialError as its case, anything else reported and answered with a mute internal error.
 */
export class Boundary<Context> {
  readonly #report: ErrorReporter
  readonly #admit: (call: Call<Context>) => void

  /** @param admit throws a SocialError to refuse a call before it is looked at */
  constructor(report: ErrorReporter, admit: (call: Call<Context>) => void = () => undefined) {
    this.#report = report
    this.#admit = admit
  }

  unary<Request, Response>(
    handler: Handler<Request, Response, Context, Promise<NoInfer<Response>>>
  ): UnaryProcedure<Context> {
    const { method, refuse, handle } = handler
    return {
      kind: 'unary',
      name: method.name,
      run: async (payload, call) => {
        const response = await this.#attempt(method, payload, call, handle).catch(error =>
          refuse(this.#failed(error, call, method.name))
        )
        return method.responseType.encode(response).finish()
      }
    }
  }

  /** A stream that fails ends with the error case as its last element. */
  stream<Request, Response>(
    handler: Handler<Request, Response, Context, AsyncIterable<NoInfer<Response>>>
  ): StreamProcedure<Context> {
    const { method, refuse, handle } = handler
    const encode = (response: Response): Uint8Array => method.responseType.encode(response).finish()
    const failed = (error: unknown, call: Call<Context>): Response => refuse(this.#failed(error, call, method.name))
    const admit = this.#admit
    return {
      kind: 'stream',
      name: method.name,
      run: async function* (payload, call) {
        try {
          admit(call)
          for await (const response of handle(decode(method, payload), call)) yield encode(response)
        } catch (error) {
          yield encode(failed(error, call))
        }
      }
    }
  }

  /** As {@link stream}: of what happens from now on, each event is an element. */
  subscription<Request, Response, Event>(
    handler: Handler<Request, Response, Context, Promise<Opened<Event, NoInfer<Response>>>>
  ): StreamProcedure<Context> {
    const { method, refuse, handle } = handler
    const encode = (response: Response): Uint8Array => method.responseType.encode(response).finish()
    const kind = {
      open: (payload: Uint8Array, call: Call<Context>) => this.#attempt(method, payload, call, handle),
      encode,
      refuse: (error: unknown, call: Call<Context>) => encode(refuse(this.#failed(error, call, method.name)))
    }
    return {
      kind: 'stream',
      name: method.name,
      run: (payload, call) => ({ [Symbol.asyncIterator]: () => new SubscriptionElements(kind, payload, call) })
    }
  }

  async #attempt<Request, Result>(
    method: Method<Request, unknown>,
    payload: Uint8Array,
    call: Call<Context>,
    handle: (request: Request, call: Call<Context>) => Promise<Result>
  ): Promise<Result> {
    this.#admit(call)
    return handle(decode(method, payload), call)
  }

  #failed(error: unknown, call: Call<Context>, procedure: string): SocialError {
    const shown = publicError(error)
    call.code = shown.code
    if (shown !== error) this.#report(error, { connection: call.connection.peer.id, procedure })
    return shown
  }
}

function decode<Request>(method: Method<Request, unknown>, payload: Uint8Array): Request {
  try {
    return method.requestType.decode(payload)
  } catch {
    throw new SocialError('invalid_request', 'The request cannot be decoded')
  }
}
