import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { startSynapse } from '../test/env/synapse/homeserver.ts'
import { cpuTimes, postmasterOf } from './cpu.ts'
import type { Measurement } from './job.ts'
import { startQuickHomeserver } from './matrix-homeserver.ts'
import { Pairs, type PairsMeasurement } from './matrix-pairs.ts'
import { measureUpdates } from './matrix-updates.ts'

/*
 * Measures how a homeserver is kept in step, and what that costs those who make friends: `tsx bench/matrix.ts`, after
 * `npm run build`. See docs/matrix-outbox.md.
 */

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' }
  }
})
const [pairs, seconds, rounds] = [Number(values.pairs), Number(values.seconds), Number(values.rounds)]
const { signal } = new AbortController()

await using postgres = await PostgresServer.start({ durable: true })
await using synapse = await startSynapse()
await using quick = await startQuickHomeserver()
const synapsePid = Number(execFileSync('pgrep', ['-P', String(process.pid), '-f', 'run.py'], { encoding: 'utf8' }))
const watched = { server: synapsePid, postmaster: await postmasterOf(postgres.url) }

console.log('Pairs brought in step, a request and its acceptance each')
const report = (name: string, line: string): void => console.log(`  ${name.padEnd(44)} ${line}`)

for (const newUsers of [true, false]) {
  await using world = await Pairs.open(await createDatabase(postgres.url), synapse)
  const measured = await world.measure(pairs, newUsers, () => cpuTimes(watched).server)
  report(`Synapse, ${newUsers ? 'users new to it' : 'users whom it knows'}`, pairsLine(measured))
}
{
  await using world = await Pairs.open(await createDatabase(postgres.url), { ...synapse, url: quick.url })
  report('a homeserver that answers at once', pairsLine(await world.measure(10 * pairs, true, () => 0)))
}

console.log('Updates acknowledged, with 20 connections')
const options = { postgresUrl: postgres.url, seconds, signal }
const attached = { Synapse: synapse, 'a homeserver that is away': { ...synapse, url: 'http://127.0.0.1:9' } }
// A homeserver has a machine of its own; on this one it only takes what nobody else wants.
execFileSync('renice', ['-n', '19', '-p', String(synapsePid)], { stdio: 'ignore' })
for (const [name, access] of Object.entries(attached)) {
  const without: Measurement[] = []
  const withIt: Measurement[] = []
  // In turns, so that a machine that becomes slower or faster does so for both.
  for (let round = 0; round < rounds; round++) {
    without.push(await measureUpdates(null, options))
    withIt.push(await measureUpdates(access, options))
  }
  report('no homeserver', summary(without))
  report(
    name,
    `${summary(withIt)}   ${((100 * mean(withIt, rateOf)) / mean(without, rateOf)).toFixed(0)} % of the rate`
  )
}

function pairsLine({ pairsPerSecond, cpuMs, homeserverCpuMs }: PairsMeasurement): string {
  const homeserver = homeserverCpuMs > 0 ? `, ${homeserverCpuMs.toFixed(0)} ms of the homeserver` : ''
  return `${pairsPerSecond.toFixed(1)} /s   CPU of one pair: ${cpuMs.toFixed(1)} ms${homeserver}`
}

function summary(measured: readonly Measurement[]): string {
  const cpu = mean(measured, it => it.cpu.server + it.cpu.postgres)
  const p99 = mean(measured, it => it.p99)
  return `${mean(measured, rateOf).toFixed(0)} /s   p99 ${p99.toFixed(1)} ms   CPU of one update: ${cpu.toFixed(2)} ms`
}

function rateOf({ rate }: Measurement): number {
  return rate
}

function mean(measured: readonly Measurement[], of: (measurement: Measurement) => number): number {
  return measured.reduce((sum, it) => sum + of(it), 0) / measured.length
}
