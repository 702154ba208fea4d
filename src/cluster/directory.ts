import type { Address } from '../domain/address.ts'

/**
 * On which instances users are, for all to look up. It may forget, and it may remember too long: that a user is there is
 * only believed of the instance itself.
 */
export interface Directory {
  /** Users are here. @throws when that could not be written */
  enter(users: readonly Address[]): Promise<void>
  /** Users are here no more. @throws as {@link enter} */
  leave(users: readonly Address[]): Promise<void>
  /** On which other instances users are, of those who are on any. @throws when that could not be read */
  find(users: readonly Address[]): Promise<ReadonlyMap<Address, readonly string[]>>
  /** Says that this instance is alive. @returns whether what it entered is still there. @throws as {@link enter} */
  keep(): Promise<boolean>
  close(): void
}

/** The directory of an instance that knows of no other. */
export const NO_DIRECTORY: Directory = {
  enter: async () => undefined,
  leave: async () => undefined,
  find: async () => new Map(),
  keep: async () => true,
  close: () => undefined
}
