import type { Address } from '../domain/address.ts'

/** Parts of red, green and blue, each from 0 to 1. */
interface NameColor {
  readonly r: number
  readonly g: number
  readonly b: number
}

/** How a user is shown to others. */
export interface Profile {
  readonly address: Address
  /** Never empty: of who has none, the {@link shortAddress}. */
  readonly name: string
  /** The name is a token that the user owns. */
  readonly hasClaimedName: boolean
  /** An http(s) URL, or empty when there is none. */
  readonly pictureUrl: string
  /** In which the user wants the name to be written; null when they chose none. */
  readonly nameColor: NameColor | null
}

/** The profile of a user of whom nothing but the address is known. */
export function unknownProfile(address: Address): Profile {
  return { address, name: shortAddress(address), hasClaimedName: false, pictureUrl: '', nameColor: null }
}

/** An address as wallets show it, `0x1234…abcd`: some explorers would show an empty name as nothing at all. */
export function shortAddress(address: Address): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`
}
