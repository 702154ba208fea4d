import type { Channel, ChannelMessage } from '../cluster/channel.ts'
import { MAX_USERS } from '../cluster/messages.ts'
import type { Address } from '../domain/address.ts'
import type { LocalPresence } from './local-presence.ts'

interface AnnouncerOptions {
  /** The name of this instance. */
  readonly instance: string
  readonly local: LocalPresence
  readonly channel: Channel
  readonly onSent: () => void
}

/** Changes that come within this time go into one message, in milliseconds. */
const GATHER_MS = 20
/** What several instances ask for within this time is told once, in milliseconds. */
const ASKED_MS = 100

/** Tells the other instances who is online on this one. */
export class PresenceAnnouncer {
  readonly #options: AnnouncerOptions
  readonly #untold = new Map<Address, boolean>()
  readonly #stopListening: () => void
  #version = 0
  #gathering: NodeJS.Timeout | undefined
  #answering: NodeJS.Timeout | undefined

  constructor(options: AnnouncerOptions) {
    this.#options = options
    this.#stopListening = options.local.onChange((user, online) => {
      this.#untold.set(user, online)
      this.#gathering ??= setTimeout(() => this.#tellChanges(), GATHER_MS)
    })
  }

  beat(): void {
    this.#send({ kind: 'presence-beat', ...this.#from })
  }

  /** Tells of all users, soon. */
  tellAll(): void {
    this.#answering ??= setTimeout(() => this.#tellAll(), ASKED_MS)
  }

  /** Says goodbye: the users of this instance are about to come back elsewhere. */
  close(): void {
    this.#stopListening()
    this.#tellChanges()
    clearTimeout(this.#answering)
    this.#send({ kind: 'presence-bye', instance: this.#options.instance })
  }

  #tellChanges(): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    const changes = [...this.#untold]
    this.#untold.clear()
    for (let at = 0; at < changes.length; at += MAX_USERS) {
      const told = changes.slice(at, at + MAX_USERS)
      const those = (who: boolean): Address[] => told.flatMap(([user, online]) => (online === who ? user : []))
      this.#version += 1
      this.#send({ kind: 'presence-change', ...this.#from, online: those(true), offline: those(false) })
    }
  }

  #tellAll(): void {
    this.#answering = undefined
    // What is still to be told may be in it already: then it is told twice, which changes nothing.
    const users = this.#options.local.users()
    const parts = Math.max(1, Math.ceil(users.length / MAX_USERS))
    for (let part = 0; part < parts; part += 1) {
      const online = users.slice(part * MAX_USERS, (part + 1) * MAX_USERS)
      this.#send({ kind: 'presence-whole', ...this.#from, part, parts, online })
    }
  }

  get #from() {
    return { instance: this.#options.instance, version: this.#version }
  }

  #send(message: ChannelMessage): void {
    this.#options.channel.send(message)
    this.#options.onSent()
  }
}
