import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CLOSE, type CloseReason } from '../../../src/rpc/engine/close-codes.ts'
import { FrameWriter } from '../../../src/rpc/engine/frame-writer.ts'
import { createPort } from './frames.ts'
import { ACK_MS, Bench } from './stream-bench.ts'

const LONG = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a stream', () => {
  it('sends the offer, then each element when the one before is acknowledged, then the end', async () => {
    const bench = new Bench()
    expect(bench.sent).toEqual(['0:'])
    await bench.give('one')
    expect(bench.sent).toEqual(['0:'])
    await bench.acknowledge(0)
    expect(bench.sent).toEqual(['0:', '1:one'])
    await bench.acknowledge(1)
    expect(bench.sent).toEqual(['0:', '1:one'])
    await bench.give('two')
    expect(bench.sent).toEqual(['0:', '1:one', '2:two'])
    await bench.finish()
    expect(bench.sent).toHaveLength(3)
    await bench.acknowledge(2)
    expect(bench.sent).toEqual(['0:', '1:one', '2:two', 'end 2'])
    expect([bench.ended, bench.released, bench.returned]).toEqual([1, 1, 0])
  })

  it('asks for one element ahead and no more', async () => {
    const bench = new Bench()
    expect(bench.asked).toBe(1)
    await bench.give('one')
    expect(bench.asked).toBe(1)
    await bench.acknowledge(0)
    expect(bench.asked).toBe(2)
    await bench.give('two')
    expect(bench.asked).toBe(2)
  })

  it('ignores an acknowledgement of anything but what was sent last, and a second one', async () => {
    const bench = new Bench()
    await bench.give('one')
    for (const sequence of [1, 2, 0xffff_ffff]) await bench.acknowledge(sequence)
    expect(bench.sent).toEqual(['0:'])
    await bench.acknowledge(0)
    await bench.give('two')
    await bench.acknowledge(0)
    await bench.acknowledge(0)
    expect(bench.sent).toEqual(['0:', '1:one'])
  })

  it('sends an error after the acknowledgement of the last element', async () => {
    const bench = new Bench()
    await bench.give('one')
    await bench.acknowledge(0)
    await bench.fail(new Error('broken'))
    expect(bench.sent).toEqual(['0:', '1:one'])
    await bench.acknowledge(1)
    expect(bench.sent).toEqual(['0:', '1:one', 'Error: broken'])
    expect([bench.ended, bench.released]).toEqual([1, 1])
  })

  it('that the client closes is returned once, and nothing more is sent', async () => {
    const bench = new Bench()
    bench.stream.end()
    bench.stream.end()
    await bench.give('one')
    await bench.acknowledge(0)
    expect(bench.sent).toEqual(['0:'])
    expect([bench.ended, bench.released, bench.returned]).toEqual([1, 1, 1])
  })

  it('reports what goes wrong after its end', async () => {
    const bench = new Bench()
    bench.stream.end()
    await bench.fail(new Error('broken'))
    expect(bench.reported).toEqual([new Error('broken')])
  })
})

describe('the deadline of an acknowledgement', () => {
  it('does not run while nothing waits: an idle subscription is never late', async () => {
    const bench = new Bench()
    await bench.give('one')
    await bench.acknowledge(0)
    await vi.advanceTimersByTimeAsync(LONG)
    expect(bench.closings).toEqual([])
    expect(bench.ended).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('begins when the next element comes, not when the last one was sent', async () => {
    const bench = new Bench()
    await bench.give('one')
    await bench.acknowledge(0)
    await vi.advanceTimersByTimeAsync(LONG)
    await bench.give('two')
    await vi.advanceTimersByTimeAsync(ACK_MS - 1)
    expect(bench.closings).toEqual([])
    await bench.acknowledge(1)
    expect(bench.sent).toEqual(['0:', '1:one', '2:two'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('closes the socket of a client that says nothing any more', async () => {
    const bench = new Bench()
    await bench.give('one')
    await bench.acknowledge(0)
    await bench.give('two')
    await vi.advanceTimersByTimeAsync(ACK_MS)
    expect(bench.closings).toEqual([{ code: 1008, reason: 'Streams are not acknowledged' }])
    expect([bench.ended, bench.released, bench.returned]).toEqual([1, 1, 1])
  })

  it('counts for the offer too', async () => {
    const bench = new Bench()
    await bench.give('one')
    await vi.advanceTimersByTimeAsync(ACK_MS)
    expect(bench.closings).toHaveLength(1)
  })

  it('ends only the stream when the client goes on with other things', async () => {
    const bench = new Bench()
    await bench.give('one')
    await bench.acknowledge(0)
    await bench.give('two')
    await vi.advanceTimersByTimeAsync(ACK_MS / 2)
    bench.writer.framesReceived++
    await vi.advanceTimersByTimeAsync(ACK_MS / 2)
    expect(bench.closings).toEqual([])
    expect(bench.sent.at(-1)).toBe('SocialError: The stream was not acknowledged in time')
    expect([bench.ended, bench.released, bench.returned]).toEqual([1, 1, 1])
  })

  it('sends the end all the same when only that waits, and keeps the socket', async () => {
    const bench = new Bench()
    await bench.give('one')
    await bench.acknowledge(0)
    await bench.finish()
    await vi.advanceTimersByTimeAsync(ACK_MS)
    expect(bench.sent).toEqual(['0:', '1:one', 'end 1'])
    expect(bench.closings).toEqual([])
    expect([bench.ended, bench.released, bench.returned]).toEqual([1, 1, 0])
  })
})

describe('a client that may ask again at once', () => {
  const WAIT_MS = 500

  it('is told of a failure after a while, though it acknowledges at once', async () => {
    const bench = new Bench(WAIT_MS)
    await bench.fail(new Error('broken'))
    await bench.acknowledge(0)
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1)
    expect(bench.sent).toEqual(['0:'])
    await vi.advanceTimersByTimeAsync(1)
    expect(bench.sent).toEqual(['0:', 'Error: broken'])
    expect([bench.ended, bench.released]).toEqual([1, 1])
  })

  it('gets an element that is an error after a while, unless its socket is closed by it', async () => {
    for (const closes of [false, true]) {
      const bench = new Bench(WAIT_MS)
      bench.stream.call.code = 'unauthorized'
      if (closes) bench.stream.call.closeAfter = CLOSE.userFull
      await bench.acknowledge(0)
      await bench.give('error')
      expect(bench.sent).toEqual(closes ? ['0:', '1:error'] : ['0:'])
      await vi.advanceTimersByTimeAsync(WAIT_MS)
      expect(bench.sent).toEqual(['0:', '1:error'])
    }
  })

  it('is told at once that a list is over', async () => {
    const bench = new Bench(WAIT_MS)
    await bench.acknowledge(0)
    await bench.finish()
    expect(bench.sent).toEqual(['0:', 'end 0'])
  })

  it('is told after a while that a newer stream has taken the place of one, and nothing else on it', async () => {
    const bench = new Bench(WAIT_MS)
    await bench.acknowledge(0)
    await bench.give('one')
    await bench.give('two')
    bench.stream.replace()
    await bench.acknowledge(1)
    expect(bench.sent).toEqual(['0:', '1:one'])
    expect([bench.ended, bench.released, bench.returned]).toEqual([1, 1, 1])
    expect(bench.stream.call.signal.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    expect(bench.sent).toEqual(['0:', '1:one', 'end 1'])
  })

  it('is told nothing when it is gone before', async () => {
    const bench = new Bench(WAIT_MS)
    await bench.fail(new Error('broken'))
    bench.stream.end()
    expect(vi.getTimerCount()).toBe(0)
    expect(bench.sent).toEqual(['0:'])
  })
})

it('nothing is sent after a close, and a close happens once', () => {
  const done: string[] = []
  const wire = {
    send: () => done.push('send'),
    close: ({ code }: CloseReason) => done.push(`close ${code}`),
    bufferedAmount: () => 0,
    maxBuffered: 1_000
  }
  const writer = new FrameWriter(wire)
  writer.close(CLOSE.notAcknowledged)
  writer.write(createPort(1))
  writer.close(CLOSE.notRead)
  expect(done).toEqual(['close 1008'])
})
