import type { Address } from '../domain/address.ts'
import type { Database } from './db/database.ts'

const FIND = { name: 'matrix-session-find', text: 'select access_token from matrix_session where token_hash = $1' }
const ALL = {
  name: 'matrix-session-all',
  text: `select token_hash, access_token from matrix_session join session using (token_hash) where address = $1`
}
// Under a lock of the session, so that one that ends meanwhile is seen to have ended.
const SAVE = {
  name: 'matrix-session-save',
  text: `insert into matrix_session (token_hash, access_token)
    select token_hash, $2::bytea from session where token_hash = $1 for share
    on conflict (token_hash) do update set access_token = excluded.access_token
    returning 1`
}

/** A session of ours with the token that it has on the homeserver, sealed. */
export interface SealedSession {
  readonly tokenHash: Buffer
  readonly sealed: Buffer
}

/** The tokens that sessions have on the homeserver, sealed; each is gone with its session. */
export class MatrixSessionStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async find(tokenHash: Buffer): Promise<Buffer | null> {
    const [row] = await this.#db.retryableRows<[Buffer]>(FIND, [tokenHash])
    return row?.[0] ?? null
  }

  async all(address: Address): Promise<SealedSession[]> {
    const rows = await this.#db.retryableRows<[Buffer, Buffer]>(ALL, [address])
    return rows.map(([tokenHash, sealed]) => ({ tokenHash, sealed }))
  }

  /** @returns whether it was saved: a session that is over has no token any more */
  async save(tokenHash: Buffer, sealed: Buffer): Promise<boolean> {
    const rows = await this.#db.retryableRows(SAVE, [tokenHash, sealed])
    return rows.length > 0
  }
}
