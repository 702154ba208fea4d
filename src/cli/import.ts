import { migrate } from '../storage/db/migrator.ts'
import type { CheckResult } from '../storage/import/import-check.ts'
import { ImportRun } from '../storage/import/import-run.ts'
import { PREDECESSORS, type PredecessorName } from '../storage/import/predecessors.ts'
import { ImportReport } from '../storage/import/report.ts'
import { ImportSource } from '../storage/import/source.ts'
import { MIGRATIONS } from '../storage/migrations/index.ts'
import type { Command } from './arguments.ts'
import { withDatabase } from './database-command.ts'
import { databaseReason } from './reasons.ts'
import { UserError } from './user-error.ts'

const DRY_RUN = '--dry-run'
const FULL = '--full'
/** Between two lines that say how far it is, in milliseconds. */
const PROGRESS_MS = 2_000

/** Takes over what an earlier service knows; that service may go on meanwhile, and a second time takes seconds. */
export const IMPORT_COMMANDS = {
  'import rust-service': command('rust-service', 'the first service, in Rust'),
  'import social-service-ea': command('social-service-ea', 'social-service-ea')
} satisfies Record<string, Command>

function command(service: PredecessorName, name: string): Command {
  return {
    summary: `Takes over the data of ${name}; with ${DRY_RUN} says what it would; with ${FULL} reads all of it again`,
    options: [DRY_RUN, FULL],
    parameters: ['--from <url>'],
    run: (options, { from = '' }) => takeOver(service, from, options)
  }
}

function takeOver(service: PredecessorName, from: string, options: ReadonlySet<string>): Promise<number> {
  return withDatabase(async db => {
    const isDryRun = options.has(DRY_RUN)
    await migrate(db, MIGRATIONS)
    await using source = await openSource(service, from)
    const report = new ImportReport(({ table, id, reason }) => console.log(`skipped ${table} ${id}: ${reason}`))
    const run = new ImportRun(
      { source, db, report },
      { service, isDryRun, isFull: options.has(FULL), onProgress: progress() }
    )
    await run.run()
    for (const line of report.lines(isDryRun)) console.error(line)
    if (!isDryRun) sayCheck(await run.check.result())
  })
}

async function openSource(service: PredecessorName, from: string): Promise<ImportSource> {
  if (!/^postgres(ql)?:\/\//.test(from)) throw new UserError('--from takes a URL that starts with postgres://.')
  const source = await ImportSource.open(from, PREDECESSORS[service]).catch((error: unknown) => {
    throw new UserError(`The database of --from cannot be read: ${databaseReason(error)}`)
  })
  if (!source)
    throw new UserError(`The database of --from is none of ${service}: it has not the tables of that service.`)
  return source
}

/** @throws UserError when the two sides are not the same */
function sayCheck({ compared, different, there, here }: CheckResult): void {
  console.error(`Here are now ${here.friendships} friendships, ${here.requests} requests and ${here.blocks} blocks;`)
  console.error(`there are ${there.friendships} friendships and ${there.blocks} blocks.`)
  if (different.length > 0) {
    const [first] = different
    throw new UserError(
      `Of ${compared} pairs that were compared ${different.length} differ, such as ${first?.lo} and ${first?.hi}.`
    )
  }
  console.error(`${compared} pairs were compared with what was read: all are the same.`)
}

function progress(): (pairs: number) => void {
  let saidAt = performance.now()
  return pairs => {
    if (performance.now() - saidAt < PROGRESS_MS) return
    saidAt = performance.now()
    console.error(`${pairs} pairs so far`)
  }
}
