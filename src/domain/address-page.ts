import { ADDRESS_LENGTH, type Address } from './address.ts'
import type { Paged } from './page.ts'

/** Addresses that are one text, with nothing between them: they all have one length. */
export function splitAddresses(joined: string): Address[] {
  const addresses: Address[] = []
  for (let at = 0; at < joined.length; at += ADDRESS_LENGTH) {
    addresses.push(joined.slice(at, at + ADDRESS_LENGTH) as Address)
  }
  return addresses
}

/**
 * A page of addresses, as the database sends it: one text. An answer that is written from that takes a fraction of what
 * a string and an object for each address take.
 */
export class AddressPage implements Paged<Address> {
  readonly total: number
  /** The addresses in their order, with nothing between them. */
  readonly joined: string
  #items: readonly Address[] | undefined

  constructor(total: number, joined: string) {
    this.total = total
    this.joined = joined
  }

  get items(): readonly Address[] {
    this.#items ??= splitAddresses(this.joined)
    return this.#items
  }
}
