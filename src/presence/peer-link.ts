import type { ChannelMessage } from '../cluster/channel.ts'
import { MAX_USERS, type PresenceChange, type Watch } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import { chunksOf } from '../lib/chunks.ts'
import type { Closeness } from './friend-index.ts'

interface PeerLinkOptions {
  /** The name of this instance. */
  readonly instance: string
  /** Gives numbers, each higher than any before on all links. */
  readonly nextVersion: () => number
  /** The last version of the other instance that was applied here. */
  readonly heard: () => number
}

/** Lists of a message that one user may be in. */
type Word = 'came' | 'online' | 'offline' | 'unwatch' | Closeness
type Words = readonly (readonly [Address, Word])[]

/** Watched users, and how closely. */
export type Watches = readonly (readonly [Address, Closeness])[]

/**
 * What this instance says to one other: which of its users are online, of those whom the other one watches, and whom this
 * one watches there.
 */
export class PeerLink {
  readonly #options: PeerLinkOptions
  /** Users who are online here of whom the other one is told, and how closely. */
  readonly #audience = new Map<Address, Closeness>()
  /** The last word about the presence of users here, and about whether users there are watched; not said yet. */
  readonly #presences = new Map<Address, 'came' | 'online' | 'offline'>()
  readonly #watches = new Map<Address, 'unwatch' | Closeness>()
  /** Said in which version, and not known to have been heard. */
  readonly #unheard = new Map<Address, { readonly closeness: Closeness; readonly version: number }>()
  #version = 0
  /** The other one waits to learn that it was heard. */
  #isAnswerDue = false

  constructor(options: PeerLinkOptions) {
    this.#options = options
  }

  /** Of the last message; 0 when there was none. */
  get version(): number {
    return this.#version
  }

  /** Somebody came here who may have friends there. */
  announce(user: Address): void {
    if (this.#audience.has(user)) return
    this.#audience.set(user, 'watch')
    this.#presences.set(user, 'came')
  }

  /** Somebody is online here no more. */
  leave(user: Address): void {
    if (this.#audience.delete(user)) this.#presences.set(user, 'offline')
  }

  /** Whether the other one wants to know where a user is. */
  locates(user: Address): boolean {
    return this.#audience.get(user) === 'locate'
  }

  /**
   * The other one watches users.
   * @param isOnline whether somebody is online here
   * @returns of whom it wants to know where they are, and did not before
   */
  watched({ watch, locate }: Watch, isOnline: (user: Address) => boolean): Address[] {
    for (const user of watch) if (isOnline(user)) this.#admit(user, 'watch')
    return locate.filter(user => isOnline(user) && this.#admit(user, 'locate'))
  }

  /** The other one watches users no more. */
  unwatched(users: readonly Address[]): void {
    for (const user of users) {
      this.#audience.delete(user)
      this.#presences.delete(user)
    }
  }

  /** Somebody is watched here who may be there. */
  watch(user: Address, closeness: Closeness): void {
    this.#watches.set(user, closeness)
  }

  unwatch(user: Address): void {
    this.#watches.set(user, 'unwatch')
    this.#unheard.delete(user)
  }

  /** The other one has heard everything up to a version. */
  heard(version: number): void {
    for (const [user, said] of this.#unheard) {
      if (said.version > version) break
      this.#unheard.delete(user)
    }
  }

  /** Whether something that was said up to a version is not known to have been heard. */
  isUnheard(version: number): boolean {
    for (const said of this.#unheard.values()) return said.version <= version
    return false
  }

  /** The other one is to be told that it was heard. */
  answer(): void {
    this.#isAnswerDue = true
  }

  /** What is to be said, in as many messages as it takes. */
  takeMessages(): ChannelMessage[] {
    const words: Words = [...this.#presences, ...this.#watches]
    if (words.length === 0 && !this.#isAnswerDue) return []
    const messages = messagesOf(words).map(chunk => this.#change(chunk))
    for (const [user, word] of this.#watches) {
      if (word === 'unwatch') continue
      this.#unheard.delete(user)
      this.#unheard.set(user, { closeness: word, version: this.#version })
    }
    this.#presences.clear()
    this.#watches.clear()
    this.#isAnswerDue = false
    return messages
  }

  /** Everything that there is to say. @param watches users of the other one whom this one watches */
  snapshot(watches: Watches): ChannelMessage[] {
    const pending = this.takeMessages()
    const online = [...this.#audience.keys()].map(user => [user, 'online'] as const)
    const chunks = messagesOf([...online, ...this.#withUnheard(watches)])
    this.#version = this.#options.nextVersion()
    const about = { kind: 'presence-snapshot', instance: this.#options.instance, version: this.#version } as const
    const messages = chunks.map((chunk, part): ChannelMessage => {
      return { ...about, part, parts: chunks.length, online: usersIn(chunk, 'online'), ...watchOf(chunk) }
    })
    return [...pending, ...messages]
  }

  /** Asks the other one for a snapshot. @param watches as above */
  request(watches: Watches): ChannelMessage[] {
    const pending = this.takeMessages()
    const chunks = messagesOf(this.#withUnheard(watches))
    const version = this.#options.nextVersion()
    const about = { kind: 'presence-snapshot-request', instance: this.#options.instance, version } as const
    return [...pending, ...chunks.map((chunk, part) => ({ ...about, part, parts: chunks.length, ...watchOf(chunk) }))]
  }

  #admit(user: Address, closeness: Closeness): boolean {
    const before = this.#audience.get(user)
    // Also who was told of them before: they may have forgotten it, and taken that back before they said so.
    if (this.#presences.get(user) !== 'came') this.#presences.set(user, 'online')
    this.#audience.set(user, closeness)
    return before !== closeness
  }

  #withUnheard(watches: Watches): Watches {
    const unheard = [...this.#unheard].map(([user, { closeness }]) => [user, closeness] as const)
    return [...new Map([...watches, ...unheard])]
  }

  #change(words: Words): PresenceChange {
    const after = this.#version
    this.#version = this.#options.nextVersion()
    return {
      kind: 'presence-change',
      instance: this.#options.instance,
      version: this.#version,
      after,
      heard: this.#options.heard(),
      came: usersIn(words, 'came'),
      online: usersIn(words, 'online'),
      offline: usersIn(words, 'offline'),
      unwatch: usersIn(words, 'unwatch'),
      ...watchOf(words)
    }
  }
}

/** The words of each message: at least one, which may be empty. */
function messagesOf(words: Words): Words[] {
  return words.length === 0 ? [[]] : chunksOf(words, MAX_USERS)
}

function usersIn(words: Words, list: Word): Address[] {
  return words.flatMap(([user, word]) => (word === list ? user : []))
}

/** Those of the words that are about who is watched. */
export function watchOf(words: Words): Watch {
  return { watch: usersIn(words, 'watch'), locate: usersIn(words, 'locate') }
}
