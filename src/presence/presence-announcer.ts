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
const BATCH_MS = 20
/** Requests that come within this time are answered by one snapshot, in milliseconds. */
const SNAPSHOT_DELAY_MS = 100

/** Announces to the other instances who is online on this one. */
export class PresenceAnnouncer {
  readonly #options: AnnouncerOptions
  readonly #pending = new Map<Address, boolean>()
  readonly #unsubscribe: () => void
  #version = 0
  #changesTimer: NodeJS.Timeout | undefined
  #snapshotTimer: NodeJS.Timeout | undefined

  constructor(options: AnnouncerOptions) {
    this.#options = options
    this.#unsubscribe = options.local.onChange((user, online) => {
      this.#pending.set(user, online)
      this.#changesTimer ??= setTimeout(() => this.#sendChanges(), BATCH_MS)
    })
  }

  beat(): void {
    this.#send({ kind: 'presence-beat', ...this.#sender })
  }

  /** Sends a snapshot, soon. */
  scheduleSnapshot(): void {
    this.#snapshotTimer ??= setTimeout(() => this.#sendSnapshot(), SNAPSHOT_DELAY_MS)
  }

  /** Sends what is pending, and leaves: the users of this instance are about to come back elsewhere. */
  close(): void {
    this.#unsubscribe()
    this.#sendChanges()
    clearTimeout(this.#snapshotTimer)
    this.#send({ kind: 'presence-leave', instance: this.#options.instance })
  }

  #sendChanges(): void {
    clearTimeout(this.#changesTimer)
    this.#changesTimer = undefined
    const changes = [...this.#pending]
    this.#pending.clear()
    for (let at = 0; at < changes.length; at += MAX_USERS) {
      const batch = changes.slice(at, at + MAX_USERS)
      const usersWho = (are: boolean): Address[] => batch.flatMap(([user, online]) => (online === are ? user : []))
      this.#version += 1
      this.#send({ kind: 'presence-change', ...this.#sender, online: usersWho(true), offline: usersWho(false) })
    }
  }

  #sendSnapshot(): void {
    this.#snapshotTimer = undefined
    // What is pending may be in it already: then it is sent twice, which changes nothing.
    const users = this.#options.local.users()
    const parts = Math.max(1, Math.ceil(users.length / MAX_USERS))
    for (let part = 0; part < parts; part += 1) {
      const online = users.slice(part * MAX_USERS, (part + 1) * MAX_USERS)
      this.#send({ kind: 'presence-snapshot', ...this.#sender, part, parts, online })
    }
  }

  get #sender() {
    return { instance: this.#options.instance, version: this.#version }
  }

  #send(message: ChannelMessage): void {
    this.#options.channel.send(message)
    this.#options.onSent()
  }
}
