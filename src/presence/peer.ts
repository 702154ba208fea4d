import type { Channel } from '../cluster/channel.ts'
import type { Address } from '../domain/address.ts'
import type { Closeness } from './friend-index.ts'
import { Parts } from './parts.ts'
import { PeerLink, type Watches } from './peer-link.ts'
import { PeerState } from './peer-state.ts'

/** What all peers together are told, and whom they tell. */
export interface PeersOptions {
  /** The name of this instance, which no other one has or had. */
  readonly instance: string
  readonly channel: Channel
  /** How often an instance says that it is alive, in milliseconds. */
  readonly beatMs: number
  /** What this instance says of itself with every beat. */
  readonly self: () => { readonly users: number; readonly entered: number | null }
  readonly isOnlineHere: (user: Address) => boolean
  /** How closely somebody is watched here; null when they are not. */
  readonly closenessOf: (user: Address) => Closeness | null
  readonly onCame: (users: readonly Address[]) => void
  /** @param isMissing it was not said that they left, only that they are not there any more */
  readonly onLeft: (users: readonly Address[], isMissing: boolean) => void
  /** An instance is gone, in good order or not. */
  readonly onGone: (users: readonly Address[], isInOrder: boolean) => void
  /** Users of an instance may not have been found by those who looked for them since then, by the monotonic clock. */
  readonly onReturn: (sinceMs: number) => void
  /** An instance wants to know where users are. */
  readonly onLocate: (users: readonly Address[], instance: string) => void
  readonly onMessage: (direction: 'sent' | 'received') => void
}

/** What is remembered of an instance that was not heard of any more. */
export interface GivenUp {
  readonly watches: Watches
  readonly at: number
}

/** Another instance. */
export interface Peer {
  readonly name: string
  readonly state: PeerState
  readonly link: PeerLink
  readonly requests: Parts<readonly [Address, Closeness]>
  /** Beats that were due since its last message. */
  silentBeats: number
  /** It was asked for a snapshot, and may be about to send one. */
  isSnapshotRequested: boolean
  /** What it said with its last beat, and when it did; null when it was not heard of. */
  beat: { readonly users: number; readonly entered: number | null; readonly at: number } | null
  /** Users who were watched there when it was given up, and when it was last heard of before; null when it was not. */
  before: GivenUp | null
  readonly waiting: Set<() => void>
}

interface PeerOptions {
  /** The name of this instance. */
  readonly instance: string
  /** Gives numbers, each higher than any before on all links. */
  readonly nextVersion: () => number
  readonly before: GivenUp | null
}

/** Another instance of which nothing is known yet but its name. */
export function createPeer(name: string, { instance, nextVersion, before }: PeerOptions): Peer {
  const state = new PeerState()
  const link = new PeerLink({ instance, nextVersion, heard: () => state.version })
  const flags = { silentBeats: 0, isSnapshotRequested: false }
  return { name, state, link, ...flags, beat: null, before, requests: new Parts(), waiting: new Set() }
}

/** Who is watched at another instance, as far as is known. @param closenessOf how closely somebody is watched here */
export function watchesAt({ state, before }: Peer, closenessOf: (user: Address) => Closeness | null): Watches {
  const users = new Set([...(before?.watches ?? []).map(([user]) => user), ...state.users])
  return [...users].flatMap(user => {
    const closeness = closenessOf(user)
    return closeness ? [[user, closeness] as const] : []
  })
}
