import { ADDRESS_LENGTH, type Address } from '../domain/address.ts'
import type { PairAction, PairStatus } from '../domain/friendship.ts'

/** The numbers under which words are stored. They are in databases: add, never change. */
export const ACTION_CODE: Record<PairAction, number> = {
  request: 1,
  accept: 2,
  reject: 3,
  cancel: 4,
  delete: 5,
  block: 6,
  unblock: 7
}

export const STATUS_CODE: Record<PairStatus, number> = {
  none: 0,
  requested: 1,
  accepted: 2,
  rejected: 3,
  canceled: 4,
  deleted: 5
}

/** A function from stored numbers back to words; a number that no word has is a corrupt row. */
function reader<Word extends string>(codes: Record<Word, number>): (code: number) => Word {
  const words = new Map(Object.entries<number>(codes).map(([word, code]) => [code, word as Word]))
  return code => {
    const word = words.get(code)
    if (word === undefined) throw new Error(`Unknown code ${code} in the database`)
    return word
  }
}

export const actionOfCode = reader(ACTION_CODE)
export const statusOfCode = reader(STATUS_CODE)

/**
 * Unix milliseconds by the clock of the database, at the start of the transaction: one clock for all instances, as
 * leases that pass between them need.
 */
export const DATABASE_CLOCK = '(extract(epoch from now()) * 1000)::bigint'

/** A batch as the columns that `unnest` takes: for each key, the values of all items. */
export function columnsOf<Item>(items: readonly Item[], keys: readonly (keyof Item)[]): unknown[][] {
  return keys.map(key => items.map(item => item[key]))
}

/** Text as bytes, so that every character survives; null stays null. */
export const toBytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, 'utf8'))
export const fromBytes = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString('utf8'))

/** Addresses that came as one string: they all have one length, and a row for each costs more to send and parse. */
export function splitAddresses(joined: string | null | undefined): Address[] {
  const addresses: Address[] = []
  for (let at = 0; at < (joined?.length ?? 0); at += ADDRESS_LENGTH) {
    addresses.push(joined?.slice(at, at + ADDRESS_LENGTH) as Address)
  }
  return addresses
}
