import type { Database } from './db/database.ts'
import { DATABASE_CLOCK } from './schema.ts'

/** A signature that may be used for one request, stored until it could not be valid any more. */
export interface SignatureUse {
  /** What was signed, and by whom: 32 bytes. */
  readonly signature: Buffer
  /** The signature and the request with all that is not signed of it: 32 bytes. */
  readonly request: Buffer
  /** Unix milliseconds; by the clock of the database it is good for nothing from then on. */
  readonly expiresAt: number
}

// The first of them stores both. Of two at the same time the second waits for the first one's commit, and does not see
// what it committed: it has to ask again.
const USE = {
  name: 'signature-use',
  text: `with fresh as (
      insert into used_login (id, expires_at) select $1::bytea, $3::bigint where $3::bigint > ${DATABASE_CLOCK}
      on conflict do nothing returning id
    ), bound as (
      insert into used_login (id, expires_at) select $2::bytea, $3::bigint from fresh on conflict do nothing
    )
    select exists (select from fresh) or exists (select from used_login where id = $2::bytea)`
}

/** Which signed request a signature was used for: in the table of logins, which are used once too. */
export class SignedRequestStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** @returns whether the signature is used for this request, and was never for another one */
  async use({ signature, request, expiresAt }: SignatureUse): Promise<boolean> {
    const values = [signature, request, expiresAt]
    return (await this.#isUsable(values)) || this.#isUsable(values)
  }

  async #isUsable(values: readonly unknown[]): Promise<boolean> {
    const [row] = await this.#db.retryableRows<[boolean]>(USE, values)
    return row?.[0] === true
  }
}
