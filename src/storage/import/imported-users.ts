import type { Address } from '../../domain/address.ts'
import type { UserSettings } from '../../domain/settings.ts'
import type { Database, Statement } from '../db/database.ts'
import { ACTION_CODE, columnsOf } from '../schema.ts'
import { SETTINGS_COLUMNS, toSettingsRow } from '../settings.ts'

// Who has decided here keeps it; what is taken over is no decision, and is not logged as one.
const WRITE_SETTINGS = {
  name: 'import-settings',
  text: `with given as (
      select * from unnest($1::text[], $2::smallint[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[])
        as given (address, ${SETTINGS_COLUMNS})
    ), decided as (select distinct address from settings_event where address = any($1::text[] collate "C"))
    insert into user_settings as present (address, ${SETTINGS_COLUMNS})
    select * from given where not exists (select from decided where decided.address = given.address collate "C")
    on conflict (address) do update set (${SETTINGS_COLUMNS}) = row(${columnsIn('excluded')})
      where row(${columnsIn('present')}) is distinct from row(${columnsIn('excluded')})
    returning 1`
}
const SETTINGS_LOG = (state: 'enable' | 'disable') => ({
  name: `import-settings-log-${state}`,
  text: `alter table user_settings ${state} trigger log_settings`
})
const WRITE_MUTES = {
  name: 'import-mutes',
  text: `insert into user_mute (muter, muted, muted_at) select * from unnest($1::text[], $2::text[], $3::bigint[])
    on conflict do nothing returning 1`
}

// A block that was made here is in the log.
const BLOCKS_BEFORE = {
  name: 'import-blocks-before',
  text: `select by, of from (
      select lo as by, hi as of, blocked_by_lo as at from pair where blocked_by_lo is not null
      union all select hi, lo, blocked_by_hi from pair where blocked_by_hi is not null
    ) blocks
    where at < $1 and (by, of) > ($2::text collate "C", $3::text collate "C")
      and not exists (select from pair_event where case when actor_is_lo then hi else lo end = blocks.of
        and lo = least(blocks.by, blocks.of) and hi = greatest(blocks.by, blocks.of)
        and action = ${ACTION_CODE.block} and acted_at = blocks.at)
    order by by, of limit $4`
}
const MUTES_BEFORE = {
  name: 'import-mutes-before',
  text: `select muter, muted from user_mute where muted_at < $1
    and (muter, muted) > ($2::text collate "C", $3::text collate "C") order by muter, muted limit $4`
}
const REMOVE_BLOCKS = {
  name: 'import-remove-blocks',
  text: `update pair set version = nextval('pair_event_seq'),
      last_action = case when last_action = ${ACTION_CODE.block} then ${ACTION_CODE.unblock} else last_action end,
      blocked_by_lo = case when gone.by = lo then null else blocked_by_lo end,
      blocked_by_hi = case when gone.by = hi then null else blocked_by_hi end
    from unnest($1::text[], $2::text[]) as gone (by, of)
    where lo = least(gone.by collate "C", gone.of) and hi = greatest(gone.by collate "C", gone.of)`
}
const REMOVE_MUTES = {
  name: 'import-remove-mutes',
  text: `delete from user_mute using unnest($1::text[], $2::text[]) as gone (muter, muted)
    where user_mute.muter = gone.muter collate "C" and user_mute.muted = gone.muted collate "C"`
}

/** One user who blocks or mutes another. */
export interface Mark {
  readonly by: Address
  readonly of: Address
}
export type MarkKind = 'blocks' | 'mutes'

const BEFORE: Record<MarkKind, Statement> = { blocks: BLOCKS_BEFORE, mutes: MUTES_BEFORE }
const REMOVE: Record<MarkKind, Statement> = { blocks: REMOVE_BLOCKS, mutes: REMOVE_MUTES }

/** What users decided about themselves and each other, as an import writes it. Everything can be repeated. */
export class ImportedUsers {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Users who decided here keep what they decided. @returns how many changed */
  writeSettings(settings: ReadonlyMap<Address, UserSettings>): Promise<number> {
    const rows = [...settings].map(([address, own]) => [address, ...toSettingsRow(own)])
    const values = Array.from({ length: 1 + SETTINGS_COLUMNS.split(', ').length }, (_, at) => rows.map(row => row[at]))
    return this.#db.transaction(async tx => {
      await tx.rows(SETTINGS_LOG('disable'), [])
      const changed = await tx.rows(WRITE_SETTINGS, values)
      await tx.rows(SETTINGS_LOG('enable'), [])
      return changed.length
    })
  }

  /** @returns how many are new */
  async writeMutes(mutes: readonly (Mark & { readonly at: number })[]): Promise<number> {
    return (await this.#db.retryableRows(WRITE_MUTES, columnsOf(mutes, ['by', 'of', 'at']))).length
  }

  /** A page of what is older than a time (unix milliseconds), in the order of its users. */
  async before(kind: MarkKind, time: number, after: Mark | null, limit: number): Promise<Mark[]> {
    const values = [time, after?.by ?? '', after?.of ?? '', limit]
    const rows = await this.#db.retryableRows<[by: Address, of: Address]>(BEFORE[kind], values)
    return rows.map(([by, of]) => ({ by, of }))
  }

  async remove(kind: MarkKind, marks: readonly Mark[]): Promise<void> {
    await this.#db.retryableRows(REMOVE[kind], columnsOf(marks, ['by', 'of']))
  }
}

function columnsIn(table: string): string {
  return SETTINGS_COLUMNS.split(', ')
    .map(column => `${table}.${column}`)
    .join(', ')
}
