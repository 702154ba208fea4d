import type { Address } from '../domain/address.ts'
import type { Database } from './database.ts'
import { Gathered } from './gathered.ts'

/** One login of one device. The token itself is nowhere: only its SHA-256. */
export interface Session {
  readonly tokenHash: Buffer
  readonly address: Address
  readonly deviceId: string
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** A proof of identity that may be used once: kept until it could not be valid any more. */
export interface LoginProof {
  readonly id: Buffer
  /** Unix milliseconds. */
  readonly expiresAt: number
}

// A device that logs in again replaces its session; over the limit, the oldest sessions go.
const START = {
  name: 'session-start',
  text: `with fresh as (
    insert into used_login (id, expires_at) values ($1, $2) on conflict do nothing returning id
  ), ended as (
    delete from session where address = $4 and exists (select 1 from fresh) and (device_id = $5 or token_hash in (
      select token_hash from session where address = $4 and device_id <> $5 order by created_at desc offset $8
    )) returning token_hash
  ), started as (
    insert into session (token_hash, address, device_id, created_at, expires_at)
    select $3, $4, $5, $6, $7 from fresh returning token_hash
  )
  select (select count(*) from started), (select array_agg(token_hash) from ended)`
}
const FIND = {
  name: 'session-find',
  text: 'select token_hash, address, device_id, created_at, expires_at from session where token_hash = any($1::bytea[])'
}
const ALIVE = {
  name: 'session-alive',
  text: `select encode(token_hash, 'hex') from session where token_hash = any($1::bytea[]) and expires_at > $2`
}
const END = { name: 'session-end', text: 'delete from session where token_hash = $1' }
const END_ALL = { name: 'session-end-all', text: 'delete from session where address = $1 returning token_hash' }
/** Tokens that are looked up together. */
const FIND_BATCH = 500
// In their order and as an array, for otherwise the planner takes a third of all to have expired and reads the table.
const SWEEPS = [
  { name: 'session-sweep', table: 'session', key: 'token_hash' },
  { name: 'login-sweep', table: 'used_login', key: 'id' }
].map(({ name, table, key }) => ({
  name,
  text: `delete from ${table} where ${key} = any(array(
      select ${key} from ${table} where expires_at <= $1 order by expires_at limit 1000))`
}))

/** Sessions, and the logins that must not be used twice. */
export class SessionStore {
  readonly #db: Database
  readonly #maxPerUser: number
  readonly #found: Gathered<Buffer, Session | null>

  constructor(db: Database, maxPerUser: number) {
    this.#db = db
    this.#maxPerUser = maxPerUser
    this.#found = new Gathered(hashes => this.#findAll(hashes), { atMost: FIND_BATCH })
  }

  /**
   * Starts a session with a proof, at most once for each proof.
   * @returns the token hashes of the sessions that it replaced, or null when the proof was used before
   */
  async start(session: Session, proof: LoginProof): Promise<Buffer[] | null> {
    const { tokenHash, address, deviceId, createdAt, expiresAt } = session
    const values = [proof.id, proof.expiresAt, tokenHash, address, deviceId, createdAt, expiresAt, this.#maxPerUser - 1]
    const [row] = await this.#db.rows<[started: number, ended: Buffer[] | null]>(START, values)
    return row?.[0] === 1 ? (row[1] ?? []) : null
  }

  /** The session of a token that has not expired at `now` (unix milliseconds). */
  async find(tokenHash: Buffer, now: number): Promise<Session | null> {
    const session = await this.#found.ask(tokenHash)
    return session && session.expiresAt > now ? session : null
  }

  /** Which of these sessions are there, and have not expired at `now` (unix milliseconds): their hex hashes. */
  async alive(tokenHashes: readonly Buffer[], now: number): Promise<string[]> {
    const rows = await this.#db.rows<[string]>(ALIVE, [tokenHashes, now], { idempotent: true })
    return rows.map(([hash]) => hash)
  }

  async end(tokenHash: Buffer): Promise<void> {
    await this.#db.rows(END, [tokenHash])
  }

  /** @returns the token hashes of the sessions that ended */
  async endAll(address: Address): Promise<Buffer[]> {
    const rows = await this.#db.rows<[Buffer]>(END_ALL, [address])
    return rows.map(([hash]) => hash)
  }

  /** Deletes a bounded number of what expired before `now` (unix milliseconds). */
  async sweep(now: number): Promise<void> {
    for (const statement of SWEEPS) await this.#db.rows(statement, [now])
  }

  async #findAll(tokenHashes: readonly Buffer[]): Promise<(tokenHash: Buffer) => Session | null> {
    type Row = [tokenHash: Buffer, address: Address, deviceId: string, createdAt: number, expiresAt: number]
    const rows = await this.#db.rows<Row>(FIND, [tokenHashes], { idempotent: true })
    const found = new Map(
      rows.map(([tokenHash, address, deviceId, createdAt, expiresAt]) => [
        tokenHash.toString('hex'),
        { tokenHash, address, deviceId, createdAt, expiresAt }
      ])
    )
    return hash => found.get(hash.toString('hex')) ?? null
  }
}
