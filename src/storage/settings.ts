import type { Address } from '../domain/address.ts'
import { EXPOSURES } from '../domain/policy.ts'
import {
  DEFAULT_SETTINGS,
  MESSAGE_PRIVACIES,
  type MessagePrivacy,
  type UserSettings,
  VISIBILITIES
} from '../domain/settings.ts'
import type { Database } from './db/database.ts'

/** How another user wants to be written to, and whether the reader is a friend of theirs. */
export interface MessageSettings {
  readonly address: Address
  readonly privateMessages: MessagePrivacy
  readonly isFriend: boolean
}

/** The words of each column; their places are the numbers that are stored: add at the end, never change. */
const COLUMNS = {
  friends: { name: 'friends_exposure', words: EXPOSURES },
  friendsCount: { name: 'friends_count_exposure', words: EXPOSURES },
  privateMessages: { name: 'private_messages', words: MESSAGE_PRIVACIES },
  blockedMessages: { name: 'blocked_messages', words: VISIBILITIES },
  situationReactions: { name: 'situation_reactions', words: VISIBILITIES }
} satisfies { [Key in keyof UserSettings]: { name: string; words: readonly UserSettings[Key][] } }

type Key = keyof UserSettings
const KEYS = Object.keys(COLUMNS) as Key[]
const NAMES = KEYS.map(key => COLUMNS[key].name)
/** The columns of all settings, in the order in which {@link toSettings} reads them. */
export const SETTINGS_COLUMNS = NAMES.join(', ')
const codeOf = (key: Key, word: string): number => (COLUMNS[key].words as readonly string[]).indexOf(word)
const wordOf = (key: Key, code: number): string => {
  const word = COLUMNS[key].words[code]
  if (word === undefined) throw new Error(`Unknown code ${code} of the setting ${key} in the database`)
  return word
}

const READ = { name: 'settings-read', text: `select ${NAMES} from user_settings where address = $1` }
const defaults = KEYS.map((key, at) => `coalesce($${at + 2}::smallint, ${codeOf(key, DEFAULT_SETTINGS[key])})`)
const changes = NAMES.map((name, at) => `${name} = coalesce($${at + 2}::smallint, user_settings.${name})`)
const CHANGE = {
  name: 'settings-change',
  text: `insert into user_settings (address, ${NAMES}) values ($1, ${defaults})
    on conflict (address) do update set ${changes} returning ${NAMES}`
}
const MESSAGES = {
  name: 'settings-messages',
  text: `select wanted.address, coalesce(private_messages, ${codeOf('privateMessages', DEFAULT_SETTINGS.privateMessages)}),
      pair.lo is not null
    from unnest($2::text[] collate "C") with ordinality as wanted (address, place)
    left join user_settings on user_settings.address = wanted.address
    left join pair on pair.lo = least($1::text collate "C", wanted.address)
      and pair.hi = greatest($1::text collate "C", wanted.address) and last_action = 2
    order by place`
}

/** What users decided about themselves. */
export class SettingsStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async read(user: Address): Promise<UserSettings> {
    const [row] = await this.#db.retryableRows<number[]>(READ, [user])
    return row ? toSettings(row) : DEFAULT_SETTINGS
  }

  /** Changes what is named and keeps the rest. @returns all settings as they are now */
  async change(user: Address, settings: Partial<UserSettings>): Promise<UserSettings> {
    const codes = KEYS.map(key => (settings[key] === undefined ? null : codeOf(key, settings[key])))
    const [row] = await this.#db.rows<number[]>(CHANGE, [user, ...codes])
    return toSettings(row ?? [])
  }

  /** How each of `others` wants to be written to by `user`, in the order of `others`. */
  async messageSettings(user: Address, others: readonly Address[]): Promise<MessageSettings[]> {
    type Row = [address: Address, code: number, isFriend: boolean]
    const rows = await this.#db.retryableRows<Row>(MESSAGES, [user, others])
    return rows.map(([address, code, isFriend]) => ({
      address,
      privateMessages: wordOf('privateMessages', code) as MessagePrivacy,
      isFriend
    }))
  }
}

/** The setting that a column holds. */
export function settingOf(column: string): Key {
  const key = KEYS[NAMES.indexOf(column)]
  if (key === undefined) throw new Error(`No setting is in a column ${column}`)
  return key
}

/** The columns of settings, in the order of {@link SETTINGS_COLUMNS}. */
export function toSettingsRow(settings: UserSettings): number[] {
  return KEYS.map(key => codeOf(key, settings[key]))
}

/** Settings as their columns hold them. */
export function toSettings(row: readonly number[]): UserSettings {
  const entries = KEYS.map((key, at) => [key, wordOf(key, row[at] ?? -1)])
  return Object.fromEntries(entries) as unknown as UserSettings
}
