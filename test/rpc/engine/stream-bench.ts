import { vi } from 'vitest'
import type { CloseReason } from '../../../src/rpc/engine/close-codes.ts'
import { FrameWriter } from '../../../src/rpc/engine/frame-writer.ts'
import { OpenCall } from '../../../src/rpc/engine/open-call.ts'
import { OutgoingStream } from '../../../src/rpc/engine/outgoing-stream.ts'
import { type Closing, parseFrame } from './clients.ts'

export const ACK_MS = 1000

/** A stream whose elements the test gives, and whose client the test plays. Time stands still unless it is moved. */
export class Bench {
  readonly sent: string[] = []
  readonly closings: Closing[] = []
  readonly stream: OutgoingStream<unknown>
  readonly writer: FrameWriter
  asked = 0
  ended = 0
  released = 0
  returned = 0
  reported: unknown[] = []
  #give: ((result: IteratorResult<Uint8Array> | Promise<never>) => void) | undefined

  constructor(refusalMs = 0) {
    const wire = {
      send: (frame: Uint8Array) => this.sent.push(shown(frame)),
      bufferedAmount: () => 0,
      maxBuffered: 1_000_000,
      close: ({ code, reason }: CloseReason) => {
        this.closings.push({ code, reason })
        this.stream.end()
      }
    }
    this.writer = new FrameWriter(wire)
    const iterator: AsyncIterator<Uint8Array> = {
      next: () => {
        this.asked++
        return new Promise(resolve => (this.#give = resolve))
      },
      return: async () => {
        this.returned++
        return { done: true, value: undefined }
      }
    }
    const info = {
      peer: { id: 'c', ip: '::1', addressGroup: '127.0.0.1' },
      context: {},
      authenticated: () => {},
      openStreams: () => []
    }
    const procedure = { kind: 'stream', name: 'S', run: () => ({ [Symbol.asyncIterator]: () => iterator }) } as const
    const call = new OpenCall<unknown>(info, procedure, { number: 5, portId: 1, payload: new Uint8Array(0) })
    const owner = {
      fail: (_: unknown, error: unknown) => this.sent.push(String(error)),
      report: (_: unknown, error: unknown) => this.reported.push(error),
      ended: () => this.ended++,
      released: () => this.released++,
      answerLate: (_: number, give: () => void) => (refusalMs === 0 ? give() : setTimeout(give, refusalMs))
    }
    const { writer } = this
    this.stream = new OutgoingStream({ call, iterator, writer, owner, ackMs: ACK_MS, refusalMs })
    this.stream.start()
  }

  async give(text: string): Promise<void> {
    await this.#settle({ done: false, value: Buffer.from(text) })
  }

  async finish(): Promise<void> {
    await this.#settle({ done: true, value: undefined })
  }

  async fail(error: Error): Promise<void> {
    await this.#settle(Promise.reject(error))
  }

  async acknowledge(sequence: number): Promise<void> {
    this.writer.framesReceived++
    this.stream.acknowledge(sequence)
    await vi.advanceTimersByTimeAsync(0)
  }

  async #settle(result: IteratorResult<Uint8Array> | Promise<never>): Promise<void> {
    this.#give?.(result)
    await vi.advanceTimersByTimeAsync(0)
  }
}

function shown(bytes: Uint8Array): string {
  const { message } = parseFrame(bytes)
  return message.closed ? `end ${message.sequenceId}` : `${message.sequenceId}:${message.payload}`
}
