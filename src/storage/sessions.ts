import type { Address } from '../domain/address.ts'
import { isUnavailable } from '../domain/errors.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { columnsOf, DATABASE_CLOCK } from './schema.ts'

/** One login of one device. The token itself is nowhere: only its SHA-256. */
export interface Session {
  readonly tokenHash: Buffer
  readonly address: Address
  readonly deviceId: string
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** A proof of identity that may be used once: stored until it could not be valid any more. */
export interface LoginProof {
  readonly id: Buffer
  /** Unix milliseconds; by the clock of the database it is good for nothing from then on. */
  readonly expiresAt: number
}

/** A session to be started, and what proves that it may be. */
interface Login {
  readonly session: Session
  readonly proof: LoginProof
}

// A device that logs in again replaces its session; over the limit, the oldest sessions go. A proof that another instance
// may have swept is refused, whatever the clock of this one makes of it.
const START = {
  name: 'session-start',
  text: `with login as (
    select * from unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
      as login (proof, proof_expires_at, token_hash, address, device_id, created_at, expires_at)
  ), fresh as (
    insert into used_login (id, expires_at) select proof, proof_expires_at from login
    where proof_expires_at > ${DATABASE_CLOCK} order by proof
    on conflict do nothing returning id
  ), accepted as (
    select token_hash, address, device_id, created_at, expires_at from login join fresh on id = proof
  ), ended as (
    delete from session where token_hash in (select old.token_hash from accepted cross join lateral (
      (select token_hash from session where address = accepted.address and device_id = accepted.device_id)
      union
      (select token_hash from session where address = accepted.address and device_id <> accepted.device_id
        order by created_at desc offset $8)
    ) old) returning address, token_hash
  ), started as (
    insert into session (token_hash, address, device_id, created_at, expires_at) select * from accepted
  )
  select address, (select array_agg(token_hash) from ended where ended.address = accepted.address) from accepted`
}
/** Sessions that are started together. */
const START_BATCH = 100
const FIND = {
  name: 'session-find',
  text: 'select token_hash, address, device_id, created_at, expires_at from session where token_hash = any($1::bytea[])'
}
const ALIVE = {
  name: 'session-alive',
  text: `select encode(token_hash, 'hex') from session where token_hash = any($1::bytea[]) and expires_at > ${DATABASE_CLOCK}`
}
const END = { name: 'session-end', text: 'delete from session where token_hash = $1' }
const END_ALL = { name: 'session-end-all', text: 'delete from session where address = $1 returning token_hash' }
/** Tokens that are looked up together. */
const FIND_BATCH = 500
/** Rows that one statement deletes of what has expired, and how many such statements one sweep has for each table. */
const SWEEP = { rows: 1_000, rounds: 20 }
// In their order and as an array, for otherwise the planner takes a third of all to have expired and reads the table.
const SWEEPS = [
  { name: 'session-sweep', table: 'session', key: 'token_hash' },
  { name: 'login-sweep', table: 'used_login', key: 'id' }
].map(({ name, table, key }) => ({
  name,
  text: `delete from ${table} where ${key} = any(array(
      select ${key} from ${table} where expires_at <= ${DATABASE_CLOCK} order by expires_at limit ${SWEEP.rows})) returning 1`
}))

/** Sessions, and the logins that must not be used twice. */
export class SessionStore {
  readonly #db: Database
  readonly #maxPerUser: number
  readonly #logins: Batcher<Login, Buffer[] | null>
  readonly #lookups: Batcher<Buffer, Session | null>

  constructor(db: Database, maxPerUser: number) {
    this.#db = db
    this.#maxPerUser = maxPerUser
    const groupOf = ({ session }: Login): string => session.address
    this.#logins = new Batcher(logins => this.#startAll(logins), {
      maxBatch: START_BATCH,
      groupOf,
      isOutage: isUnavailable
    })
    this.#lookups = new Batcher(hashes => this.#findAll(hashes), { maxBatch: FIND_BATCH, isOutage: isUnavailable })
  }

  /**
   * Starts a session with a proof, at most once for each proof.
   * @returns the token hashes of the sessions that it replaced, or null when the proof was used before or has expired
   */
  async start(session: Session, proof: LoginProof): Promise<Buffer[] | null> {
    return this.#logins.load({ session, proof })
  }

  /** The session of a token that has not expired at `now` (unix milliseconds). */
  async find(tokenHash: Buffer, now: number): Promise<Session | null> {
    const session = await this.#lookups.load(tokenHash)
    return session && session.expiresAt > now ? session : null
  }

  /** Which of these sessions are there, and have not expired: their hex hashes. */
  async alive(tokenHashes: readonly Buffer[]): Promise<string[]> {
    const rows = await this.#db.retryableRows<[string]>(ALIVE, [tokenHashes])
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

  /** Deletes a bounded number of what has expired. */
  async sweep(): Promise<void> {
    for (const statement of SWEEPS) {
      for (let round = 0; round < SWEEP.rounds; round += 1) {
        if ((await this.#db.rows(statement, [])).length < SWEEP.rows) break
      }
    }
  }

  async #startAll(logins: readonly Login[]): Promise<(login: Login) => Buffer[] | null> {
    const columns = [
      ...columnsOf(
        logins.map(({ proof }) => proof),
        ['id', 'expiresAt']
      ),
      ...columnsOf(
        logins.map(({ session }) => session),
        ['tokenHash', 'address', 'deviceId', 'createdAt', 'expiresAt']
      )
    ]
    const rows = await this.#db.rows<[Address, Buffer[] | null]>(START, [...columns, this.#maxPerUser - 1])
    const ended = new Map(rows.map(([address, tokenHashes]) => [address, tokenHashes ?? []]))
    return ({ session }) => ended.get(session.address) ?? null
  }

  async #findAll(tokenHashes: readonly Buffer[]): Promise<(tokenHash: Buffer) => Session | null> {
    type Row = [tokenHash: Buffer, address: Address, deviceId: string, createdAt: number, expiresAt: number]
    const rows = await this.#db.retryableRows<Row>(FIND, [tokenHashes])
    const found = new Map(
      rows.map(([tokenHash, address, deviceId, createdAt, expiresAt]) => [
        tokenHash.toString('hex'),
        { tokenHash, address, deviceId, createdAt, expiresAt }
      ])
    )
    return hash => found.get(hash.toString('hex')) ?? null
  }
}
