import { randomUUID } from 'node:crypto'
import { Client } from 'pg'

/**
 * The tables of decentraland/social-service (commit 539170b, migrations/) as its migrations leave them, but for indexes
 * and the constraint on the order of addresses, which came late and is not on every database of that service.
 */
const RUST_TABLES = [
  `create table friendships (
    id uuid primary key, address_1 varchar not null, address_2 varchar not null,
    is_active boolean not null default false, synapse_room_id varchar not null, unique (address_1, address_2)
  )`,
  `create table friendship_history (
    id uuid primary key, friendship_id uuid not null, event varchar not null, acting_user varchar not null,
    metadata json, timestamp timestamp default current_timestamp
  )`,
  `create index friendship_history_uuid on friendship_history (friendship_id)`,
  `create table user_features ("user" varchar not null, feature_name varchar not null, feature_value varchar not null)`
]

/** The tables of decentraland/social-service-ea (commit 906f5b66, src/migrations/), those that friends are in. */
const EA_TABLES = [
  `create table friendships (
    id uuid primary key, address_requester varchar not null, address_requested varchar not null,
    is_active boolean default false, created_at timestamp default now(), updated_at timestamp default now(),
    constraint unique_addresses unique (address_requester, address_requested)
  )`,
  `create table friendship_actions (
    id uuid primary key, friendship_id uuid not null, action varchar not null, acting_user varchar not null,
    metadata json, timestamp timestamp default now()
  )`,
  `create index friendship_actions_friendship_id on friendship_actions (friendship_id)`,
  `create table blocks (
    id uuid primary key, blocker_address varchar not null, blocked_address varchar not null,
    blocked_at timestamp default now()
  )`,
  `create unique index on blocks (blocker_address, blocked_address)`,
  `create table social_settings (
    address varchar(42) primary key, private_messages_privacy varchar not null default 'only_friends',
    blocked_users_messages_visibility varchar not null default 'show_messages',
    show_situation_reactions varchar not null default 'show'
  )`,
  `create table user_mutes (
    muter_address varchar not null, muted_address varchar not null, muted_at timestamp not null default now(),
    primary key (muter_address, muted_address)
  )`
]

/** Something that was noted: the word as it is stored, who did it, and when. */
export interface Noted {
  readonly event: string
  readonly by: string
  /** Unix milliseconds; null where the row has none. */
  readonly at: number | null
  readonly metadata?: string
}

/** A database of an earlier service, to be filled row by row. */
export class PredecessorDatabase implements AsyncDisposable {
  readonly url: string
  readonly #client: Client

  private constructor(url: string, client: Client) {
    this.url = url
    this.#client = client
  }

  /** @param url of an empty database */
  static async create(service: 'rust-service' | 'social-service-ea', url: string): Promise<PredecessorDatabase> {
    const client = new Client({ connectionString: url })
    await client.connect()
    for (const statement of service === 'rust-service' ? RUST_TABLES : EA_TABLES) await client.query(statement)
    return new PredecessorDatabase(url, client)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }

  async query(text: string, values: readonly unknown[] = []): Promise<void> {
    await this.#client.query(text, [...values])
  }

  /** A row of the service in Rust. @returns its id */
  async rustPair(a: string, b: string, isActive: boolean, noted: readonly Noted[] = []): Promise<string> {
    const id = randomUUID()
    await this.query(`insert into friendships values ($1, $2, $3, $4, '!room:localhost')`, [id, a, b, isActive])
    await this.note('friendship_history', id, noted)
    return id
  }

  /** A row of the service in TypeScript. @returns its id */
  async eaPair(a: string, b: string, isActive: boolean | null, noted: readonly Noted[] = []): Promise<string> {
    const id = randomUUID()
    await this.query('insert into friendships values ($1, $2, $3, $4)', [id, a, b, isActive])
    await this.note('friendship_actions', id, noted)
    return id
  }

  /** So many pairs of the service in TypeScript that are friends, none of which has a user of another. */
  async manyFriends(count: number): Promise<void> {
    const user = (text: string): string => `'0x' || rpad(md5(${text}), 40, '0')`
    await this.query(`insert into friendships
      select gen_random_uuid(), ${user(`'left ' || n`)}, ${user(`'right ' || n`)}, true from generate_series(1, ${count}) n`)
    await this.query(`insert into friendship_actions
      select gen_random_uuid(), id, 'accept', address_requested from friendships`)
  }

  async note(table: string, id: string, noted: readonly Noted[]): Promise<void> {
    for (const { event, by, at, metadata } of noted) {
      await this.query(
        `insert into ${table} values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000) at time zone 'UTC')`,
        [randomUUID(), id, event, by, metadata ?? null, at]
      )
    }
  }
}
