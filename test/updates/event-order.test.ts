import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import { EventOrder } from '../../src/updates/event-order.ts'
import { LogCursor, type LogView } from '../../src/updates/log-cursor.ts'
import { Log, type Row } from './log-model.ts'

/** Pairs of which somebody wants the events; there are others. */
const WANTED = [0, 1, 2]

const event = ({ seq }: Row): PairEvent => ({ kind: 'pair', seq }) as PairEvent

/** One instance, to which what is committed comes by messages, which may do anything, and by sweeps. */
class Instance {
  readonly log = new Log()
  readonly cursor = new LogCursor(0, 1000)
  readonly told: number[] = []
  readonly #order = new EventOrder(this.cursor)
  readonly #messages: { readonly row: Row; readonly after: number }[] = []
  /** What a sweep saw that is not applied yet. */
  #view: LogView<Row> | null = null

  commit(which: number): void {
    const before = this.log.committed.length
    this.log.end(which, 'commit')
    for (const row of this.log.committed.slice(before)) {
      const after = this.log.committed.slice(0, before).findLast(({ pair }) => pair === row.pair)?.seq ?? 0
      this.#messages.push({ row, after })
    }
  }

  receive(which: number, comesAgain: boolean): void {
    const message = this.#messages[which % Math.max(1, this.#messages.length)]
    if (!message) return
    if (!comesAgain) this.lose(which)
    const isWanted = WANTED.includes(message.row.pair)
    const told = this.#order.add(event(message.row), message.after, isWanted)
    if (isWanted) this.#tell(told)
  }

  lose(which: number): void {
    this.#messages.splice(which % Math.max(1, this.#messages.length), 1)
  }

  look(limit: number): void {
    this.#view ??= this.log.look(this.cursor.head, this.cursor.missing, limit)
  }

  apply(): void {
    if (!this.#view) return
    const found = this.#view.events.filter(({ pair }) => WANTED.includes(pair)).map(event)
    this.#tell(this.#order.sweep(this.#view, found))
    this.#view = null
  }

  /** What is wrong with what was told, in any state. */
  get violations(): string[] {
    const rows = this.log.committed.filter(({ pair }) => WANTED.includes(pair))
    const missed = rows.filter(({ seq }) => seq <= this.cursor.lowWatermark && !this.told.includes(seq))
    const unordered = WANTED.filter(pair => {
      const due = rows.filter(row => row.pair === pair).map(({ seq }) => seq)
      const told = this.told.filter(seq => due.includes(seq))
      return told.some((seq, at) => seq !== due[at])
    })
    return [
      ...missed.map(({ seq }) => `${seq} is below the low watermark, and was not told`),
      ...unordered.map(pair => `what was told of pair ${pair} is not what happened`)
    ]
  }

  #tell(events: readonly PairEvent[]): void {
    this.told.push(...events.map(({ seq }) => seq))
  }
}

const which = fc.nat(7)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), which, pair: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('receive' as const), which, comesAgain: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('apply' as const) }) }
)

describe('the order of what is told', () => {
  it('has each event once and those of a pair in their order, whatever is lost, late, or comes twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), steps => {
        const instance = new Instance()
        const { log } = instance
        for (const each of steps) {
          if (each.kind === 'begin') log.begin()
          else if (each.kind === 'take') log.take(each.which, each.pair)
          else if (each.kind === 'commit') instance.commit(each.which)
          else if (each.kind === 'rollback') log.end(each.which, 'rollback')
          else if (each.kind === 'receive') instance.receive(each.which, each.comesAgain)
          else if (each.kind === 'lose') instance.lose(each.which)
          else if (each.kind === 'look') instance.look(each.limit)
          else instance.apply()
          expect(instance.violations).toEqual([])
        }
        while (log.running > 0) instance.commit(0)
        instance.apply()
        for (const _ of log.committed) {
          instance.look(3)
          instance.apply()
        }
        expect(instance.violations).toEqual([])
        const wanted = log.committed.filter(({ pair }) => WANTED.includes(pair)).map(({ seq }) => seq)
        expect(instance.told.toSorted((a, b) => a - b)).toEqual(wanted.toSorted((a, b) => a - b))
      }),
      { numRuns: 1000 }
    )
  })

  it('wants the log swept for what waits, and when much was told before it is in a sweep', () => {
    const order = new EventOrder(new LogCursor(0, 10))
    expect(order.add(event({ seq: 3, pair: 0 }), 2, true)).toEqual([])
    expect(order.needsSweep).toBe(true)
    expect(order.add(event({ seq: 2, pair: 0 }), 0, true).map(({ seq }) => seq)).toEqual([2, 3])
    expect(order.needsSweep).toBe(false)
    for (let seq = 4; seq < 20_000; seq += 1) order.add(event({ seq, pair: seq }), 0, true)
    expect(order.needsSweep).toBe(true)
    expect(order.isTold(9000)).toBe(true)
    expect(order.isTold(15_000)).toBe(false) // it is left to the sweep
  })
})
