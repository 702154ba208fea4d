import { parseArgs } from 'node:util'
import { createDatabase, PostgresServer } from '../../test/env/postgres.ts'
import { finish, interruption } from '../interruption.ts'
import { markdown } from '../markdown.ts'
import { positive } from '../options.ts'
import { Service } from '../processes.ts'
import { ATTACKS, type Attack } from './attacks.ts'
import { type Result, runAttack } from './attempt.ts'
import { fill } from './world.ts'

/*
 * Attacks the service that it starts itself, one way after the other, and says how everybody else was served meanwhile:
 * `npm run attack`. See docs/security.md. Limits are the service's defaults.
 */

const USAGE = `npm run attack -- [options]
  --seconds N   time before and during each attack (6)
  --only a,b    only these: ${ATTACKS.map(({ name }) => name).join(', ')}`

const MEGABYTE = 1024 * 1024

const HEAD = [
  'attack',
  "others' p50 ms: before",
  'during',
  'p99 ms: before',
  'during',
  'failed calls',
  'memory MB: before',
  'most',
  'health',
  'outcome'
]

function cellsOf({ attack, before, during, memoryBefore, memoryMost, unhealthy, checks, survived }: Result): string[] {
  const ms = (value: number): string => value.toFixed(1)
  const mb = (bytes: number): string => (bytes / MEGABYTE).toFixed(0)
  return [
    attack.title,
    ms(before.p50),
    ms(during.p50),
    ms(before.p99),
    ms(during.p99),
    `${during.failures} of ${during.failures + during.calls}`,
    mb(memoryBefore),
    mb(memoryMost),
    unhealthy === 0 ? 'ok' : `${unhealthy} of ${checks} late`,
    survived ? 'stands' : 'dies'
  ]
}

async function main(signal: AbortSignal): Promise<number> {
  let seconds: number
  let attacks: readonly Attack[]
  try {
    const { values } = parseArgs({
      options: { seconds: { type: 'string', default: '6' }, only: { type: 'string', default: '' } }
    })
    seconds = positive('seconds', values.seconds)
    const names = values.only.split(',').filter(name => name !== '')
    attacks = ATTACKS.filter(({ name }) => names.length === 0 || names.includes(name))
    if (names.length > attacks.length) throw new TypeError('There is no such attack')
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return finish(signal, async () => {
    await using postgres = await PostgresServer.start({ durable: true })
    const databaseUrl = await createDatabase(postgres.url)
    const service = await Service.start({ databaseUrl, connections: 20, sockets: 0 })
    await service[Symbol.asyncDispose]()
    await fill(databaseUrl)
    const rows: string[][] = []
    for (const attack of attacks) {
      const row = cellsOf(await runAttack(attack, { databaseUrl, seconds }))
      console.log(row.join(' | '))
      rows.push(row)
    }
    console.log(`\n${markdown([HEAD, ...rows])}`)
  })
}

process.exitCode = await main(interruption())
