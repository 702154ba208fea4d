import { SocialError } from '../../../src/domain/errors.ts'
import type { EndSignal } from '../../../src/lib/end-signal.ts'
import type { Call, Procedure, Service } from '../../../src/rpc/engine/service.ts'

/** What a test may see and do inside the procedures. */
export class Inside {
  /** Streams of `Idle`, `Numbers` and `Endless` that were asked for an element, and those whose `finally` has run. */
  started = 0
  finished = 0
  /** Calls of `Wait` that wait for {@link answer}. */
  waiting: (() => void)[] = []
  /** Elements of `Numbers` and `Endless` that were asked for. */
  asked = 0
  lastCall: Call<unknown> | undefined

  answer(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}

export const SECRET = 'password=hunter2 at /srv/database.ts'

/** The service of the tests: everything that a procedure may do, well or badly. */
export function echoService(inside: Inside): Service<unknown> {
  const unary = (name: string, run: (payload: Uint8Array, call: Call<unknown>) => Promise<Uint8Array>) =>
    ({ kind: 'unary', name, run }) as const
  const stream = (name: string, run: (payload: Uint8Array, call: Call<unknown>) => AsyncIterable<Uint8Array>) =>
    ({ kind: 'stream', name, run }) as const

  /** Keeps count of the streams that begin and end. */
  async function* counted(elements: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    inside.started++
    try {
      yield* elements
    } finally {
      inside.finished++
    }
  }

  async function* numbers(upTo: number, size = 4): AsyncGenerator<Uint8Array> {
    for (let n = 1; n <= upTo; n++) {
      inside.asked++
      const element = Buffer.alloc(size)
      element.writeUInt32LE(n)
      yield element
    }
  }

  /** As a subscription to which nothing happens. */
  async function* nothing(signal: EndSignal): AsyncGenerator<Uint8Array> {
    await new Promise<void>(resolve => signal.addEventListener('abort', resolve))
  }

  const procedures: Procedure<unknown>[] = [
    unary('Echo', async (payload, call) => {
      inside.lastCall = call
      return payload
    }),
    unary('Login', async (payload, { connection }) => {
      connection.authenticated()
      return payload
    }),
    unary('Wait', async (payload, call) => {
      inside.lastCall = call
      await new Promise<void>(resolve => inside.waiting.push(resolve))
      return payload
    }),
    unary('Throw', async () => {
      throw new Error(SECRET)
    }),
    unary('Refuse', async () => {
      throw new SocialError('forbidden', 'Not for you')
    }),
    // As long as the payload says.
    stream('Numbers', payload => counted(numbers(Buffer.from(payload).readUInt32LE()))),
    stream('Endless', (_, call) => {
      inside.lastCall = call
      return counted(numbers(Number.MAX_SAFE_INTEGER, 16_384))
    }),
    stream('Idle', (_, call) => {
      inside.lastCall = call
      return counted(nothing(call.signal))
    }),
    // Ignores its signal.
    stream('Deaf', () => counted(nothing(new AbortController().signal))),
    stream('ThrowLater', async function* () {
      yield Buffer.from('first')
      throw new Error(SECRET)
    }),
    stream('FailToEnd', async function* (_, { signal }) {
      try {
        yield Buffer.from('first')
        yield* nothing(signal)
      } finally {
        await Promise.reject(new Error(SECRET))
      }
    }),
    stream('ThrowAtOnce', () => {
      throw new Error(SECRET)
    })
  ]
  return { name: 'EchoService', procedures }
}

/** The payload of `Numbers`. */
export function upTo(n: number): Uint8Array {
  const payload = Buffer.alloc(4)
  payload.writeUInt32LE(n)
  return payload
}
