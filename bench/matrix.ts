import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { startSynapse } from '../test/env/synapse/homeserver.ts'
import { cpuTimes, postmasterOf } from './cpu.ts'
import type { Measurement } from './job.ts'
import { startQuickHomeserver } from './matrix-homeserver.ts'
import { Pairs, type PairsMeasurement } from './matrix-pairs.ts'
import { measureSyncs, type SyncMeasurement } from './matrix-sync.ts'
import { measureUpdates } from './matrix-updates.ts'

/*
 * Measures how a homeserver is kept in step, what that costs those who make friends, and what it costs to have `sync`
 * handed on: `npm run bench:matrix`. See docs/benchmarks.md.
 */

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    syncs: { type: 'string', default: '500' }
  }
})
const [pairs, seconds, rounds] = [Number(values.pairs), Number(values.seconds), Number(values.rounds)]
const syncs = Number(values.syncs)
/** More than Synapse gets done while updates are measured. */
const PAIRS_OF_OTHERS = 300
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
  report(`Synapse, ${newUsers ? 'users new to it' : 'users who have logged in before'}`, pairsLine(measured))
}
{
  await using world = await Pairs.open(await createDatabase(postgres.url), { ...synapse, url: quick.url })
  report('a homeserver that answers at once', pairsLine(await world.measure(10 * pairs, true, () => 0)))
}

console.log('A sync that is handed on, and one that the homeserver itself is asked for')
{
  const { postmaster, server: homeserverPid } = watched
  const measured = await measureSyncs(synapse, { postgresUrl: postgres.url, calls: syncs, postmaster, homeserverPid })
  report(`nothing new, ${size(measured.small.bytes)}`, syncLine(measured.small))
  report(`everything, ${size(measured.large.bytes)}`, syncLine(measured.large))
  report(`memory while ${measured.memory.atOnce} of them pass at once`, `+ ${size(measured.memory.bytes)}`)
}

console.log('Updates acknowledged, with 20 connections')
const options = { postgresUrl: postgres.url, seconds, signal }
// A homeserver has a machine of its own; on this one it only takes what nobody else wants.
execFileSync('chrt', ['--idle', '--all-tasks', '--pid', '0', String(synapsePid)], { stdio: 'ignore' })
const alone: Measurement[] = []
const away: Measurement[] = []
const attached: Measurement[] = []
const beside: Measurement[] = []
// In turns, so that a machine that becomes slower or faster does so for all.
for (let round = 0; round < rounds; round++) {
  alone.push(await measureUpdates(null, options))
  away.push(await measureUpdates({ ...synapse, url: 'http://127.0.0.1:9' }, options))
  attached.push(await measureUpdates(synapse, options))
  await using others = await Pairs.open(await createDatabase(postgres.url), synapse)
  await using _busy = await others.keepBusy(PAIRS_OF_OTHERS)
  beside.push(await measureUpdates(null, options))
}
report('no homeserver', summary(alone))
report('a homeserver that is away', `${summary(away)}   ${ratio(away, alone)} of no homeserver`)
report('no homeserver; Synapse at work for others', `${summary(beside)}   ${ratio(beside, alone)} of no homeserver`)
report(
  'Synapse',
  `${summary(attached)}   ${ratio(attached, alone)}; ${ratio(attached, beside)} of Synapse at work for others`
)

function pairsLine({ pairsPerSecond, cpuMs, homeserverCpuMs }: PairsMeasurement): string {
  const homeserver = homeserverCpuMs > 0 ? `, ${homeserverCpuMs.toFixed(0)} ms of the homeserver` : ''
  return `${pairsPerSecond.toFixed(1)} /s   CPU of one pair: ${cpuMs.toFixed(1)} ms${homeserver}`
}

function syncLine({ direct, proxied }: SyncMeasurement): string {
  const [more, moreOfHomeserver] = [proxied.p50 - direct.p50, proxied.cpu.homeserver - direct.cpu.homeserver]
  const cpu = `CPU: ${proxied.cpu.service.toFixed(2)} ms, ${signed(moreOfHomeserver)} ms of the homeserver`
  return `${proxied.p50.toFixed(1)} ms and not ${direct.p50.toFixed(1)} (${signed(more)} ms)   ${cpu}`
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'} ${Math.abs(value).toFixed(2)}`
}

function size(bytes: number): string {
  return bytes < 100_000 ? `${bytes} bytes` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

function summary(measured: readonly Measurement[]): string {
  const cpu = mean(measured, it => it.cpu.server + it.cpu.postgres)
  const p99 = mean(measured, it => it.p99)
  return `${mean(measured, rateOf).toFixed(0)} /s   p99 ${p99.toFixed(1)} ms   CPU of one update: ${cpu.toFixed(2)} ms`
}

/** How the rates compare. */
function ratio(measured: readonly Measurement[], base: readonly Measurement[]): string {
  return `${((100 * mean(measured, rateOf)) / mean(base, rateOf)).toFixed(0)} %`
}

function rateOf({ rate }: Measurement): number {
  return rate
}

function mean(measured: readonly Measurement[], of: (measurement: Measurement) => number): number {
  return measured.reduce((sum, it) => sum + of(it), 0) / measured.length
}
