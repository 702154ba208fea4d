import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fullAt, fullnessOf, MACHINES, REMEDIES } from '../../bench/model/capacity.ts'
import { type Coefficients, MEASURED, type Work, type WorkCost } from '../../bench/model/coefficients.ts'
import { demandOf, MIX, type Mix } from '../../bench/model/demand.ts'
import { bytesTable, costsTable, fullTable, mixTable, needsTable } from '../../bench/model/report.ts'

const NOTHING: WorkCost = { of: '', instance: 0, postgres: 0, redis: 0, commands: 0 }
const IDLE: Mix = { ...MIX, updates: 0, lists: 0, mutuals: 0, logins: 0, connects: 0, heartbeats: 0, moves: 0 }
const LIMITS = { sockets: 10_000, cores: 0.5, connections: 20 }
const MILLION = { users: 1_000_000, online: 0.1 }

/** Coefficients by which nothing costs any time but what is named. */
function only(costs: Partial<Record<Work, Partial<WorkCost>>>): Coefficients {
  const works = Object.keys(MEASURED.work) as Work[]
  const work = Object.fromEntries(works.map(name => [name, { ...NOTHING, ...costs[name] }]))
  return { ...MEASURED, work: work as Record<Work, WorkCost> }
}

describe('the model of what users need', () => {
  it('counts what users who are online do in a second', () => {
    const { sockets, rates } = demandOf(MILLION, { ...IDLE, updates: 3.6, heartbeats: 36 }, only({}), LIMITS)
    expect(sockets).toBe(100_000)
    expect(rates).toMatchObject({ update: 100, push: 10, heartbeat: 1_000, list: 0 })
  })

  it('adds up the time of all that is done, and tells the lists from the rest', () => {
    const mix = { ...IDLE, updates: 3.6, lists: 36 }
    const costs = only({ update: { postgres: 2, redis: 1, commands: 3 }, list: { postgres: 4 } })
    const { cores, commands } = demandOf(MILLION, mix, costs, LIMITS)
    expect(cores).toEqual({ instances: 0, primary: expect.closeTo(0.2), lists: 4, redis: 0.1 })
    expect(commands).toBe(300)
  })

  it('has as many instances as their sockets need, or their processors', () => {
    expect(demandOf(MILLION, IDLE, only({}), LIMITS).instances).toBe(10)
    expect(
      demandOf(MILLION, { ...IDLE, heartbeats: 36 }, only({ heartbeat: { instance: 10 } }), LIMITS).instances
    ).toBe(20)
    expect(demandOf({ users: 1, online: 1 }, IDLE, only({}), LIMITS).instances).toBe(1)
  })

  it('adds instances for what instances cost each other', () => {
    const mix = { ...IDLE, updates: 3.6 }
    const alone = demandOf(MILLION, mix, only({ update: { instance: 100 } }), LIMITS)
    expect(alone.instances).toBe(20)
    // Each event takes every instance 2.5 ms: a half of what each may use.
    const costs = only({ update: { instance: 100 }, swept: { instance: 2.5, postgres: 1 } })
    const together = demandOf(MILLION, mix, costs, LIMITS)
    expect(together.instances).toBe(40)
    expect(together.cores.primary).toBeCloseTo(4)
  })

  it('says when no number of instances is enough', () => {
    const costs = only({ update: { instance: 100 }, swept: { instance: 5 } })
    expect(demandOf(MILLION, { ...IDLE, updates: 3.6 }, costs, LIMITS).instances).toBe(Number.POSITIVE_INFINITY)
  })

  it('counts a friendship once, and the log for as long as it is kept', () => {
    const mix = { ...IDLE, updates: 3.6, friends: 10, sessions: 0, positions: 0, busyHours: 10, logDays: 2 }
    const coefficients = { ...MEASURED, disk: { pair: 100, count: 10, event: 50, session: 1, position: 1 } }
    const { disk } = demandOf(MILLION, mix, coefficients, LIMITS)
    expect(disk).toEqual({ friendships: 510_000_000, log: 100 * 36_000 * 2 * 50, sessions: 0 })
  })

  it('names what is full first', () => {
    const demand = demandOf({ users: 50_000_000, online: 0.1 }, MIX, MEASURED, MACHINES.instance)
    const plenty = { cores: 1e9, connections: 1e9, memory: 1e18, disk: 1e18, wal: 1e18 }
    const machines = { ...MACHINES, postgres: plenty, redis: { cores: demand.cores.redis, memory: 1e18 }, used: 0.5 }
    const [first, ...others] = fullnessOf(demand, machines)
    expect(first).toEqual({ resource: 'Redis: core', share: 2 })
    expect(others.map(({ resource }) => resource).sort()).toEqual(
      Object.keys(REMEDIES)
        .filter(resource => resource !== 'Redis: core')
        .sort()
    )
  })

  it('is printed in the documentation as the program prints it', () => {
    const text = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8')
    const question = { users: [1_000_000, 10_000_000, 50_000_000], online: 0.1, mix: MIX }
    const tables = [needsTable(question), fullTable(question), mixTable(MIX), costsTable(), bytesTable()]
    for (const table of tables) expect(text).toContain(table)
  })

  it('finds the number of users with which something is full', () => {
    expect(fullAt(users => users / 5_000_000) / 5_000_000).toBeCloseTo(1, 2)
    expect(fullAt(users => (users / 3_000) ** 2) / 3_000).toBeCloseTo(1, 2)
    expect(fullAt(() => 0.9)).toBe(Number.POSITIVE_INFINITY)
  })
})
