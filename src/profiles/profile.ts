import type { Address } from '../domain/address.ts'

/** How a user is shown to others. */
export interface Profile {
  readonly address: Address
  /** Empty when it is not known. */
  readonly name: string
  /** The name is a token that the user owns. */
  readonly hasClaimedName: boolean
  /** An http(s) URL, or empty when there is none. */
  readonly pictureUrl: string
}

/** The profile of a user of whom nothing but the address is known. */
export function unknownProfile(address: Address): Profile {
  return { address, name: '', hasClaimedName: false, pictureUrl: '' }
}
