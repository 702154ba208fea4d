import { type ApiKey, SCOPES, type Scope } from '../domain/api-key.ts'
import { isUnavailable } from '../domain/errors.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Database } from './db/database.ts'
import { DATABASE_CLOCK } from './schema.ts'

/** A key as it is stored: the SHA-256 of its text. */
interface StoredKey extends ApiKey {
  readonly keyHash: Buffer
}

/** Keys that are looked up together. */
const FIND_BATCH = 500
/** A last use is not written again within this time, by whatever instance, in milliseconds. */
const USE_MS = 60_000

const COLUMNS = 'id, key_hash, name, scopes, created_at, last_used_at'
const CREATE = {
  name: 'api-key-create',
  text: `insert into api_key (id, key_hash, name, scopes, created_at)
    select $1, $2::bytea, $3, $4::text[], ${DATABASE_CLOCK} where (select count(*) from api_key) < $5 returning id`
}
const FIND = { name: 'api-key-find', text: `select ${COLUMNS} from api_key where id = any($1::text[])` }
const LIST = { name: 'api-key-list', text: `select ${COLUMNS} from api_key order by created_at, id` }
const REVOKE = { name: 'api-key-revoke', text: `delete from api_key where id = $1 returning ${COLUMNS}` }
const USED = {
  name: 'api-key-used',
  text: `update api_key set last_used_at = ${DATABASE_CLOCK}
    where id = $1 and (last_used_at is null or last_used_at <= ${DATABASE_CLOCK} - ${USE_MS})`
}

type Row = [id: string, keyHash: Buffer, name: string, scopes: string[], createdAt: number, lastUsedAt: number | null]

/** The API keys of other services. */
export class ApiKeyStore {
  readonly #db: Database
  readonly #lookups: Batcher<string, StoredKey | null>

  constructor(db: Database) {
    this.#db = db
    this.#lookups = new Batcher(ids => this.#findAll(ids), { maxBatch: FIND_BATCH, isOutage: isUnavailable })
  }

  /** @returns whether it was stored; not when there are `limit` keys already */
  async create(
    { id, keyHash, name, scopes }: Omit<StoredKey, 'createdAt' | 'lastUsedAt'>,
    limit: number
  ): Promise<boolean> {
    return (await this.#db.rows(CREATE, [id, keyHash, name, scopes, limit])).length > 0
  }

  /** As it is in the database at this moment: what is revoked is found no more. */
  find(id: string): Promise<StoredKey | null> {
    return this.#lookups.load(id)
  }

  /** All keys, oldest first. */
  async list(): Promise<StoredKey[]> {
    return (await this.#db.retryableRows<Row>(LIST, [])).map(toKey)
  }

  /** @returns the key that there is no more; null when there was none */
  async revoke(id: string): Promise<StoredKey | null> {
    const [row] = await this.#db.rows<Row>(REVOKE, [id])
    return row ? toKey(row) : null
  }

  /** Writes that a key is in use; not more often than once a minute. */
  async used(id: string): Promise<void> {
    await this.#db.rows(USED, [id])
  }

  async #findAll(ids: readonly string[]): Promise<(id: string) => StoredKey | null> {
    const rows = await this.#db.retryableRows<Row>(FIND, [[...new Set(ids)]])
    const found = new Map(rows.map(row => [row[0], toKey(row)]))
    return id => found.get(id) ?? null
  }
}

function toKey([id, keyHash, name, scopes, createdAt, lastUsedAt]: Row): StoredKey {
  const isKnown = (scope: string): scope is Scope => (SCOPES as readonly string[]).includes(scope)
  // A later release may know more of them.
  return { id, keyHash, name, scopes: scopes.filter(isKnown), createdAt, lastUsedAt }
}
