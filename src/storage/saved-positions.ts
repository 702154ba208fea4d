import { isUnavailable } from '../domain/errors.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { columnsOf, DATABASE_CLOCK } from './schema.ts'

/** How far a device has taken its updates: all events up to `floor`, and those above it that are listed. */
export interface Position {
  readonly floor: number
  readonly acked: readonly number[]
}

/** Where a device left off. */
export interface LastPosition extends Position {
  /** Whether it was known to be connected within the window of its claim. */
  readonly isRecent: boolean
  /** Whether the log still has everything since. */
  readonly isInLog: boolean
}

/** A position to be saved, by the stream that may save it. */
export interface SavedPosition extends Position {
  readonly device: Buffer
  readonly owner: string
  /** Whether the stream is over. */
  readonly isLost: boolean
}

/** Makes a stream the one that saves the position of its device. */
export interface Claim {
  readonly device: Buffer
  readonly owner: string
  readonly instance: string
  /** The floor of a device that begins anew. */
  readonly start: number
  /** Milliseconds: a device that was lost longer ago begins anew. */
  readonly windowMs: number
}

// All times are by the clock of the database: the instance that lost a device is seldom the one to which it comes back.
// In the order of the devices, so that two instances never wait for each other.
const CLAIM = {
  name: 'position-claim',
  text: `with claim as (
      select * from unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])
        as claim (device, owner, instance, start, within)
    ), old as (
      select device, floor, acked, lost_at >= ${DATABASE_CLOCK} - within as resumes
      from claim join lateral (
        select floor, acked, coalesce(lost_at, alive_at) as lost_at
        from stream_position left join instance on instance.id = stream_position.instance
        where stream_position.device = claim.device
      ) present on true
    ), claimed as (
      insert into stream_position as present (device, owner, instance, floor, acked)
      select device, owner, instance, start, '' from claim order by device
      on conflict (device) do update set owner = excluded.owner, instance = excluded.instance, lost_at = null,
        floor = case when exists (select from old where old.device = present.device and resumes)
          then present.floor else excluded.floor end,
        acked = case when exists (select from old where old.device = present.device and resumes)
          then present.acked else excluded.acked end
    )
    select device, floor, acked, coalesce(resumes, false), floor >= (select seq from log_horizon) from old`
}
/** Claims that are made together. */
const CLAIM_BATCH = 200
const SAVE = {
  name: 'position-save',
  text: `update stream_position set floor = saved.floor, acked = saved.acked,
      lost_at = case when saved.is_lost then ${DATABASE_CLOCK} end
    from unnest($1::bytea[], $2::uuid[], $3::bigint[], $4::text[], $5::boolean[])
      as saved (device, owner, floor, acked, is_lost)
    where stream_position.device = saved.device and stream_position.owner = saved.owner`
}
const HEARTBEAT = {
  name: 'instance-heartbeat',
  text: `insert into instance (id, alive_at, low_watermark) values ($1, ${DATABASE_CLOCK}, $2)
    on conflict (id) do update set alive_at = excluded.alive_at, low_watermark = excluded.low_watermark`
}
const SWEEPS = [
  {
    name: 'position-sweep',
    text: `delete from stream_position where device in
      (select device from stream_position where lost_at < ${DATABASE_CLOCK} - $1::bigint limit 1000)`
  },
  {
    name: 'position-sweep-dead',
    text: `delete from stream_position where device in (
      select device from stream_position left join instance on instance.id = stream_position.instance
      where lost_at is null and coalesce(alive_at, 0) < ${DATABASE_CLOCK} - $1::bigint limit 1000)`
  },
  {
    name: 'instance-sweep',
    text: `delete from instance where alive_at < ${DATABASE_CLOCK} - $1::bigint - 86400000
      and not exists (select from stream_position where stream_position.instance = instance.id)`
  }
]

/** Where the devices are in their updates, so that they can resume there on any instance. */
export class SavedPositionStore {
  readonly #db: Database
  readonly #claims: Batcher<Claim, LastPosition | null>

  constructor(db: Database) {
    this.#db = db
    const groupOf = ({ device }: Claim): string => device.toString('hex')
    this.#claims = new Batcher(claims => this.#claimAll(claims), {
      maxBatch: CLAIM_BATCH,
      groupOf,
      isOutage: isUnavailable
    })
  }

  /** @returns where the device left off, however long ago; null when nothing is known of it */
  async claim(claim: Claim): Promise<LastPosition | null> {
    return this.#claims.load(claim)
  }

  /** Saves positions, except of streams that a later one of the same device has replaced. */
  async save(positions: readonly SavedPosition[]): Promise<void> {
    const rows = positions.map(position => ({ ...position, acked: position.acked.join(',') }))
    await this.#db.retryableRows(SAVE, columnsOf(rows, ['device', 'owner', 'floor', 'acked', 'isLost']))
  }

  /**
   * The heartbeat of an instance: every stream that is open on it is alive now.
   * @param lowWatermark up to which number it has read the log
   */
  async heartbeat(instance: string, lowWatermark: number): Promise<void> {
    await this.#db.retryableRows(HEARTBEAT, [instance, lowWatermark])
  }

  /** Deletes a bounded number of what was lost longer ago, in milliseconds. */
  async sweep(ageMs: number): Promise<void> {
    for (const statement of SWEEPS) await this.#db.retryableRows(statement, [ageMs])
  }

  async #claimAll(claims: readonly Claim[]): Promise<(claim: Claim) => LastPosition | null> {
    type Row = [device: Buffer, floor: number, acked: string, isRecent: boolean, isInLog: boolean]
    const columns = columnsOf(claims, ['device', 'owner', 'instance', 'start', 'windowMs'])
    const rows = await this.#db.retryableRows<Row>(CLAIM, columns)
    const last = new Map(
      rows.map(([device, floor, acked, isRecent, isInLog]) => [
        device.toString('hex'),
        { floor, acked: acked === '' ? [] : acked.split(',').map(Number), isRecent, isInLog }
      ])
    )
    return ({ device }) => last.get(device.toString('hex')) ?? null
  }
}
