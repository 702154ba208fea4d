import { markdown, verdict, whole } from '../../markdown.ts'
import type { Line } from '../job.ts'
import { cellsOf, HEAD } from '../lines.ts'
import { percentile, sum } from '../statistics.ts'
import type { Usage } from '../usage.ts'
import type { Background, Failures, PushTimes, Sightings } from './crowd-api.ts'
import type { Memory } from './memory.ts'
import type { Restart } from './restarts.ts'

const TARGET = { updatesKilobytes: 16, connectivityKilobytes: 20, pushMs: 50 }
/** `PRESENCE_GRACE` of the instances. */
export const GRACE_MS = 5_000
const SHOWN_FAILURES = 4

interface Phase<Result> {
  readonly result: Result
  readonly usage: Usage
}

/** Everything that was measured; of all processes with clients where there are several. */
export interface Measured {
  readonly sockets: number
  readonly friends: number
  readonly rate: number
  readonly memory: { readonly empty: Memory; readonly withUpdates: Memory; readonly withConnectivity: Memory }
  readonly connect: Phase<unknown>
  readonly watch: Phase<unknown>
  readonly push: Phase<readonly PushTimes[]>
  readonly restart: Phase<readonly Restart[]>
  readonly background: readonly Background[]
  /** Clients to whom friends are not shown in the end. */
  readonly unseeing: number
  readonly sightings: readonly Sightings[]
  /** Since the restarts began. */
  readonly failures: readonly Failures[]
}

export function tableOf(measured: Measured): string {
  const lines = [...connections(measured), ...pushes(measured), ...restarts(measured), ...presence(measured)]
  return markdown([HEAD, ...lines.map(cellsOf)])
}

function connections({ sockets, friends, memory, connect, watch }: Measured): Line[] {
  const { empty, withUpdates, withConnectivity } = memory
  return [
    {
      work: `${whole(sockets)} clients connect on v2 and subscribe to updates`,
      measured: paced(sockets, connect.usage),
      usage: connect.usage
    },
    { work: 'where the time went', measured: shares(connect.usage) },
    memoryLine(sockets, [empty, withUpdates], TARGET.updatesKilobytes),
    { work: 'where the memory went', measured: parts(sockets, [empty, withUpdates]) },
    {
      work: `they subscribe to connectivity, each with ${friends} friends who are all online`,
      measured: paced(sockets, watch.usage),
      usage: watch.usage
    },
    { work: 'where the time went', measured: shares(watch.usage) },
    memoryLine(sockets, [empty, withConnectivity], TARGET.connectivityKilobytes),
    { work: 'where the memory went', measured: parts(sockets, [empty, withConnectivity]) }
  ]
}

function pushes({ rate, push }: Measured): Line[] {
  const answered = push.result.flatMap(({ afterAnswer }) => afterAnswer)
  const p99 = percentile(answered, 0.99)
  return [
    {
      work: `${whole(answered.length)} updates among them at ${whole(rate)}/s, pushed after the answer`,
      measured: percentiles(answered),
      target: verdict(p99 <= TARGET.pushMs, `p99 ≤ ${TARGET.pushMs} ms`),
      usage: push.usage
    },
    {
      work: 'the same, after they were to be sent',
      measured: percentiles(push.result.flatMap(({ afterDue }) => afterDue))
    }
  ]
}

function restarts({ restart, background, sightings, failures }: Measured): Line[] {
  const untold = sum(background.map(it => it.untold))
  const slowest = Math.max(...restart.result.map(({ allBack }) => allBack))
  const away = sum(restart.result.map(it => it.away))
  return [
    {
      work: `${restart.result.length} instances are restarted, one after the other`,
      measured: `${restart.usage.seconds.toFixed(0)} s; at most ${slowest.toFixed(1)} s from the stop of one until all were back`,
      target: verdict(away === 0, 'all come back'),
      usage: restart.usage
    },
    { work: 'where the time went', measured: shares(restart.usage) },
    { work: 'lost connections until verified again', measured: percentiles(sightings.flatMap(({ away }) => away)) },
    { work: 'until all streams were accepted', measured: percentiles(sightings.flatMap(({ back }) => back)) },
    {
      work: `${whole(sum(background.map(it => it.updates)))} updates meanwhile of which the last state was not told`,
      measured: whole(untold),
      target: verdict(untold === 0, 'none')
    },
    { work: 'they were told, after the answer', measured: percentiles(background.flatMap(it => it.afterAnswer)) },
    { work: 'actions sent again for want of an answer', measured: whole(sum(background.map(it => it.repeated))) },
    { work: 'what failed meanwhile, and was tried again', measured: failureText(failures) }
  ]
}

/** Who was told that somebody is offline. */
function presence({ sightings, unseeing }: Measured): Line[] {
  const away = new Map(sightings.flatMap(it => it.longAway))
  const late = [...away].filter(([, ms]) => ms >= GRACE_MS).length
  const offline = sightings.flatMap(it => it.offline)
  const early = offline.map(member => away.get(member) ?? 0).filter(ms => ms < GRACE_MS)
  const wrong = early.length
  const shortest =
    wrong === 0 ? '' : `; the shortest time that one of them was away is ${percentile(early, 0).toFixed(0)} ms`
  return [
    {
      work: 'OFFLINE told of clients that came back within the grace of 5 s',
      measured: `${whole(wrong)}${shortest}`,
      target: verdict(wrong === 0, 'none')
    },
    { work: `OFFLINE told of the ${whole(late)} others`, measured: whole(offline.length - wrong) },
    {
      work: 'clients to whom a friend is not shown as online in the end',
      measured: whole(unseeing),
      target: verdict(unseeing === 0, 'none')
    }
  ]
}

type Span = readonly [from: Memory, to: Memory]

function memoryLine(sockets: number, span: Span, most: number): Line {
  const kilobytes = perSocket(sockets, span, 'instances')
  const [, to] = span
  return {
    work: 'memory of the instances for each',
    measured: `${kilobytes.toFixed(1)} KB; ${whole(to.instances / 1024 ** 2)} MB in all`,
    target: verdict(kilobytes <= most, `≤ ${most} KB`)
  }
}

/** For each socket; what the kernel has is that of both sides. */
function parts(sockets: number, span: Span): string {
  const names = { heap: 'JavaScript heap of instances', redis: 'Redis', kernel: 'kernel', load: 'load' } as const
  const texts = Object.entries(names).map(([part, name]) => {
    return `${name} ${perSocket(sockets, span, part as keyof typeof names).toFixed(1)} KB`
  })
  return texts.join(', ')
}

function perSocket(sockets: number, [from, to]: Span, part: keyof Memory): number {
  return (to[part] - from[part]) / sockets / 1024
}

function percentiles(times: number[]): string {
  const at = (part: number): string => `${percentile(times, part).toFixed(1)} ms`
  return `${whole(times.length)} times: p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)}`
}

function paced(count: number, { seconds }: Usage): string {
  return `${seconds.toFixed(0)} s, ${whole(count / seconds)}/s`
}

/** CPU time in seconds. */
function shares({ seconds, instances, postgres, redis, load }: Usage): string {
  const parts = { instances: sum(instances), PostgreSQL: postgres, Redis: redis, load }
  return `CPU: ${Object.entries(parts)
    .map(([name, cores]) => `${name} ${(cores * seconds).toFixed(0)} s`)
    .join(', ')}`
}

/** How many, and of what kinds. */
export function failureText(failures: readonly Failures[]): string {
  const kinds = new Map<string, number>()
  for (const [why, times] of failures.flat()) {
    // The address says nothing: a process counts for itself which one it is.
    const kind = why.replace(/ 127\.0\.0\.1:\d+/, '')
    kinds.set(kind, (kinds.get(kind) ?? 0) + times)
  }
  const texts = [...kinds].sort(([, a], [, b]) => b - a).map(([why, times]) => `${whole(times)} × ${why}`)
  return texts.slice(0, SHOWN_FAILURES).join('; ') || 'none'
}
