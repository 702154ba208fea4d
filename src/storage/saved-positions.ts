import { isUnavailable } from '../domain/errors.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'

/** How far a device has taken its updates: all events up to `floor`, and those above it that are listed. */
export interface Position {
  readonly floor: number
  readonly acked: readonly number[]
}

/** Where a device left off, and when it was last known to be connected, in unix milliseconds. */
export interface LastPosition extends Position {
  readonly lostAt: number
}

/** A position to be kept, by the stream that may keep it. */
export interface SavedPosition extends Position {
  readonly device: Buffer
  readonly owner: string
  /** Unix milliseconds; null while the stream is open. */
  readonly lostAt: number | null
}

/** Makes a stream the one that keeps the position of its device. */
export interface Claim {
  readonly device: Buffer
  readonly owner: string
  readonly instance: string
  /** The floor of a device that begins anew. */
  readonly start: number
  /** Unix milliseconds: a device that was lost before begins anew. */
  readonly since: number
}

// In the order of the devices, so that two instances never wait for each other.
const CLAIM = {
  name: 'position-claim',
  text: `with claim as (
      select * from unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])
        as claim (device, owner, instance, start, since)
    ), old as (
      select device, floor, acked, lost_at, lost_at >= since as resumes
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
    select device, floor, acked, lost_at from old`
}
/** Claims that are made together. */
const CLAIM_BATCH = 200
const KEEP = {
  name: 'position-keep',
  text: `update stream_position set floor = kept.floor, acked = kept.acked, lost_at = kept.lost_at
    from unnest($1::bytea[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[])
      as kept (device, owner, floor, acked, lost_at)
    where stream_position.device = kept.device and stream_position.owner = kept.owner`
}
const ALIVE = {
  name: 'instance-alive',
  text: `insert into instance (id, alive_at) values ($1, $2) on conflict (id) do update set alive_at = excluded.alive_at`
}
const SWEEPS = [
  {
    name: 'position-sweep',
    text: `delete from stream_position where device in
      (select device from stream_position where lost_at < $1 limit 1000)`
  },
  {
    name: 'position-sweep-dead',
    text: `delete from stream_position where device in (
      select device from stream_position left join instance on instance.id = stream_position.instance
      where lost_at is null and coalesce(alive_at, 0) < $1 limit 1000)`
  },
  {
    name: 'instance-sweep',
    text: `delete from instance where alive_at < $1::bigint - 86400000
      and not exists (select from stream_position where stream_position.instance = instance.id)`
  }
]

/** Where the devices are in their updates, so that they can go on there on any instance. */
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

  /** Keeps positions whose stream has not been followed by a later one of the same device. */
  async save(positions: readonly SavedPosition[]): Promise<void> {
    const columns = [
      positions.map(({ device }) => device),
      positions.map(({ owner }) => owner),
      positions.map(({ floor }) => floor),
      positions.map(({ acked }) => acked.join(',')),
      positions.map(({ lostAt }) => lostAt)
    ]
    await this.#db.retryableRows(KEEP, columns)
  }

  /** Says that an instance, and with it every stream that is open on it, was alive at `now` (unix milliseconds). */
  async alive(instance: string, now: number): Promise<void> {
    await this.#db.retryableRows(ALIVE, [instance, now])
  }

  /** Deletes a bounded number of what was lost before `before` (unix milliseconds). */
  async sweep(before: number): Promise<void> {
    for (const statement of SWEEPS) await this.#db.retryableRows(statement, [before])
  }

  async #claimAll(claims: readonly Claim[]): Promise<(claim: Claim) => LastPosition | null> {
    type Row = [device: Buffer, floor: number, acked: string, lostAt: number | null]
    const columns = [
      claims.map(({ device }) => device),
      claims.map(({ owner }) => owner),
      claims.map(({ instance }) => instance),
      claims.map(({ start }) => start),
      claims.map(({ since }) => since)
    ]
    const rows = await this.#db.retryableRows<Row>(CLAIM, columns)
    const last = new Map(
      rows.map(([device, floor, acked, lostAt]) => [
        device.toString('hex'),
        { floor, acked: acked === '' ? [] : acked.split(',').map(Number), lostAt: lostAt ?? 0 }
      ])
    )
    return ({ device }) => last.get(device.toString('hex')) ?? null
  }
}
