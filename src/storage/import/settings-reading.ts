import { type Address, parseAddress } from '../../domain/address.ts'
import { DEFAULT_SETTINGS, type UserSettings } from '../../domain/settings.ts'
import type { SkippedRow } from './pair-reading.ts'

/** The words of each setting in `social_settings`; a column that came later may not be there. */
const WORDS = {
  privateMessages: { column: 'private_messages_privacy', words: { all: 'all', only_friends: 'only_friends' } },
  blockedMessages: {
    column: 'blocked_users_messages_visibility',
    words: { show_messages: 'show', do_not_show_messages: 'hide' }
  },
  situationReactions: { column: 'show_situation_reactions', words: { show: 'show', hide: 'hide' } }
} as const satisfies Partial<
  Record<keyof UserSettings, { readonly column: string; readonly words: Readonly<Record<string, string>> }>
>

/** Reads a page of settings: a word that means nothing here is skipped, and said. */
export function readSettingsPage(page: readonly [address: string, columns: Readonly<Record<string, unknown>>][]) {
  const settings = new Map<Address, UserSettings>()
  const skipped: SkippedRow[] = []
  const skip = (id: string, reason: string): unknown => skipped.push({ table: 'social_settings', id, reason })
  for (const [text, columns] of page) {
    const address = parseAddress(text)
    if (!address) {
      skip(text, 'it is of no user')
      continue
    }
    const own: Record<string, string> = { ...DEFAULT_SETTINGS }
    for (const [key, { column, words }] of Object.entries(WORDS)) {
      const value = columns[column]
      const word = Object.entries(words).find(([theirs]) => theirs === value)?.[1]
      if (word !== undefined) own[key] = word
      else if (value !== undefined && value !== null) skip(text, `${JSON.stringify(value)} is no value of ${column}`)
    }
    settings.set(address, own as unknown as UserSettings)
  }
  return { settings, skipped }
}
