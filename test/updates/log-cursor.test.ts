import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogCursor } from '../../src/updates/log-cursor.ts'
import { Log, type Row } from './log-model.ts'

/** A reader that notes what it receives. */
class Reader {
  readonly received: Row[] = []
  readonly cursor: LogCursor

  constructor(head = 0, maxMissing = 1000) {
    this.cursor = new LogCursor(head, maxMissing)
  }

  read(log: Log, limit: number): void {
    const { cursor } = this
    let isMore = true
    while (isMore) {
      const view = log.look(cursor.head, cursor.missing, limit)
      this.received.push(...cursor.advance(view))
      isMore = view.events.length >= limit
    }
  }
}

const which = fc.nat(5)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), which, pair: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('waste' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), limit: fc.integer({ min: 1, max: 5 }) }) }
)

const bySeq = (rows: readonly Row[]): Row[] => rows.toSorted((a, b) => a.seq - b.seq)

describe('a cursor over a log whose numbers are taken before commit', () => {
  it('skips nothing, brings nothing twice, and brings a pair in its order, whatever the transactions do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), steps => {
        const log = new Log()
        const reader = new Reader()
        for (const each of steps) {
          if (each.kind === 'begin') log.begin()
          else if (each.kind === 'take') log.take(each.which, each.pair)
          else if (each.kind === 'waste') log.waste()
          else if (each.kind === 'read') {
            reader.read(log, each.limit)
            // Not only in the end: each read brings everything that is committed.
            expect(bySeq(reader.received)).toEqual(bySeq(log.committed))
          } else log.end(each.which, each.kind)
        }
        while (log.running > 0) log.end(0, 'commit')
        reader.read(log, 3)
        expect(bySeq(reader.received)).toEqual(bySeq(log.committed))
        for (const pair of [0, 1, 2, 3]) {
          const ofPair = (rows: readonly Row[]) => rows.filter(row => row.pair === pair)
          expect(ofPair(reader.received)).toEqual(ofPair(log.committed))
        }
        // Nothing runs any more: what is missing now will never be there, and is not looked for for ever.
        reader.read(log, 3)
        expect(reader.cursor.missing).toEqual([])
        expect(reader.cursor.lowWatermark).toBe(reader.cursor.head)
      }),
      { numRuns: 1000 }
    )
  })

  it('knows the low watermark', () => {
    const log = new Log()
    const reader = new Reader()
    for (const pair of [0, 1, 2]) {
      log.begin()
      log.take(pair, pair)
    }
    log.end(1, 'commit')
    reader.read(log, 10)
    expect([reader.cursor.head, reader.cursor.lowWatermark, reader.cursor.missing]).toEqual([2, 0, [1]])
    log.end(0, 'commit')
    reader.read(log, 10)
    expect([reader.cursor.head, reader.cursor.lowWatermark, reader.cursor.missing]).toEqual([2, 2, []])
    log.end(0, 'rollback')
    reader.read(log, 10)
    expect([reader.cursor.head, reader.cursor.lowWatermark]).toEqual([2, 2])
  })

  it('begins after the number that it is given', () => {
    const cursor = new LogCursor(5, 10)
    expect([cursor.head, cursor.lowWatermark]).toEqual([5, 5])
    expect(cursor.advance({ events: [{ seq: 7 }], oldestRunning: 1, nextTransaction: 3 })).toEqual([{ seq: 7 }])
    expect([cursor.missing, cursor.lowWatermark]).toEqual([[6], 5])
  })

  it('remembers a bounded number of missing numbers, and gives up the oldest', () => {
    const cursor = new LogCursor(0, 3)
    const view = (seq: number) => ({ events: [{ seq }], oldestRunning: 1, nextTransaction: 9 })
    cursor.advance(view(3))
    cursor.advance(view(6))
    expect(cursor.missing).toEqual([2, 4, 5])
    cursor.advance(view(1_000_000_000))
    expect(cursor.missing).toEqual([999_999_997, 999_999_998, 999_999_999])
    expect(cursor.advance(view(4))).toEqual([])
  })
})
