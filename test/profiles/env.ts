import { afterEach, beforeEach } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { createLogger } from '../../src/observability/logger.ts'
import type { Profile } from '../../src/profiles/profile.ts'
import { Profiles, type ProfilesOptions } from '../../src/profiles/profiles.ts'
import { type CatalystServer, NAME_COLOR, nameOf, pictureOf, startCatalyst } from './catalyst-server.ts'

/** Long enough for whatever has to happen before it. */
const PATIENT_MS = 30_000

const logger = createLogger({ level: 'silent', format: 'json' })

export interface ProfilesEnv {
  readonly catalyst: CatalystServer
  /** The time that the profiles see, in milliseconds. */
  clock: number
  open(options?: Partial<ProfilesOptions>): Profiles
}

/** A Catalyst for each test of a file, and profiles that ask it. */
export function profilesEnv(): ProfilesEnv {
  let catalyst: CatalystServer
  let opened: Profiles[] = []
  const env: ProfilesEnv = {
    get catalyst() {
      return catalyst
    },
    clock: 1_000_000,
    open(options) {
      const profiles = new Profiles({
        url: catalyst.url,
        timeoutMs: PATIENT_MS,
        cacheSize: 50_000,
        observer: { requested: () => undefined, callEnded: () => undefined },
        logger,
        now: () => env.clock,
        ...options
      })
      opened.push(profiles)
      return profiles
    }
  }
  beforeEach(async () => {
    catalyst = await startCatalyst()
  })
  afterEach(async () => {
    await Promise.all(opened.map(profiles => profiles.close()))
    opened = []
    await catalyst[Symbol.asyncDispose]()
  })
  return env
}

export const user = (index: number): Address => `0x${index.toString(16).padStart(40, '0')}` as Address

/** The users from number `first` on. */
export const users = (count: number, first = 1): Address[] => Array.from({ length: count }, (_, at) => user(first + at))

/** The profile of a user whom the Catalyst knows. */
export const known = (address: Address): Profile => ({
  address,
  name: nameOf(address),
  hasClaimedName: true,
  pictureUrl: pictureOf(address),
  nameColor: NAME_COLOR
})

export const unknown = (address: Address): Profile => ({
  address,
  name: `${address.slice(0, 6)}…${address.slice(-4)}`,
  hasClaimedName: false,
  pictureUrl: '',
  nameColor: null
})

/** Whether more than the address is known. */
export const isKnown = ({ name, address }: Profile): boolean => name !== unknown(address).name

/** The names of users as they are known now, in their order; null where none is. */
export async function namesOf(profiles: Profiles, addresses: Address[]): Promise<(string | null)[]> {
  return [...(await profiles.of(addresses)).values()].map(profile => (isKnown(profile) ? profile.name : null))
}
