import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { PairEvent } from '../domain/events.ts'
import { decide, type Intent, type Pair, type PairState, statusOf } from '../domain/friendship.ts'
import type { Page, Paged } from '../domain/page.ts'
import { type Exposure, maySee } from '../domain/policy.ts'
import { ConnectionLostError } from '../storage/db/database.ts'
import type { EventLog } from '../storage/event-log.ts'
import type { FriendLists, PendingRequest, RequestDirection } from '../storage/friend-lists.ts'
import type { FriendshipStore } from '../storage/friendships.ts'
import type { SettingsStore } from '../storage/settings.ts'
import type { ActionLimits } from './action-limits.ts'

export type { PendingRequest, RequestDirection }

/** How often a decision is taken anew because the pair was changed in between. */
const MAX_ATTEMPTS = 10

interface FriendshipsDeps {
  readonly friendships: FriendshipStore
  readonly log: Pick<EventLog, 'find'>
  /** What users are shown; it may be a little old, but not of who has acted. */
  readonly lists: Omit<FriendLists, 'closeness' | 'relations'>
  /** By which it is decided what they may be shown. */
  readonly closeness: Pick<FriendLists, 'closeness'>
  readonly settings: SettingsStore
  readonly bus: Pick<Bus, 'publish'>
  /** Called after each attempt of a user to change something, whatever came of it. */
  readonly onActed: (intent: Intent) => void
  readonly limits: ActionLimits
  /** Characters. */
  readonly maxMessageLength: number
  /** Unix milliseconds. */
  readonly now: () => number
}

/** The use cases of friendships, for every surface. */
export class Friendships {
  readonly #deps: FriendshipsDeps

  constructor(deps: FriendshipsDeps) {
    this.#deps = deps
  }

  /**
   * Does what a user wants to happen between them and another, and notifies the other. The same action sent again
   * within a minute is answered with the first event and changes nothing.
   * @returns the event that is in the log when this resolves
   * @throws SocialError `invalid_request`, `invalid_transition`, `forbidden`, `too_many_requests`, `conflict`
   */
  async act(requested: Intent): Promise<PairEvent> {
    const { limits, maxMessageLength, onActed } = this.#deps
    const intent = withValidMessage(requested, maxMessageLength)
    await limits.take(intent)
    return this.#change(intent).finally(() => onActed(intent))
  }

  async #change(intent: Intent): Promise<PairEvent> {
    const { friendships, limits, now } = this.#deps
    /** A swap of which the connection broke: it may have taken effect or not. */
    let inDoubt: { readonly before: Pair; readonly next: PairState } | null = null
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const pair = await friendships.read(intent.actor, intent.target)
      if (inDoubt && pair.version !== inDoubt.before.version) {
        // Ours may be what changed the pair, even if the other has answered it since.
        const event = await friendships.findSwapped(intent, inDoubt.before, inDoubt.next)
        if (event) return this.#publish(event, inDoubt.before)
        inDoubt = null
      }
      const decision = decide(pair, intent, now())
      if (decision.kind === 'unchanged') return this.#repeatedEvent(pair, intent)
      if (intent.action === 'request' && attempt === 0) await limits.takeIncoming(intent.target)
      try {
        const event = await friendships.swap(intent, pair, decision.next, decision.counts)
        if (event) return this.#publish(event, pair)
      } catch (error) {
        if (!(error instanceof ConnectionLostError) || inDoubt) throw error
        inDoubt = { before: pair, next: decision.next }
      }
    }
    throw new SocialError('conflict', 'The friendship changes too fast, try again')
  }

  /** What is between two users. @throws SocialError `invalid_request` for oneself */
  async between(viewer: Address, other: Address): Promise<Pair> {
    if (viewer === other) throw new SocialError('invalid_request', 'There is nothing between you and yourself')
    return this.#deps.friendships.read(viewer, other)
  }

  /**
   * Friends of `owner` as `viewer` may see them: without those of whom one and the viewer blocks the other.
   * @throws SocialError `forbidden` when the owner does not expose them to the viewer, or one of the two blocks the
   * other
   */
  async list(viewer: Address, owner: Address, page: Page): Promise<Paged<Address>> {
    if (viewer === owner) return this.#deps.lists.friends(owner, page)
    await this.#checkExposure(viewer, owner, 'friends')
    return this.#deps.lists.visibleFriends(owner, viewer, page)
  }

  /**
   * How many friends `owner` has, as far as `viewer` may see them.
   * @throws SocialError `forbidden` as {@link list}, by the exposure of the count
   */
  async count(viewer: Address, owner: Address): Promise<number> {
    if (viewer === owner) return this.#deps.lists.friendCount(owner)
    await this.#checkExposure(viewer, owner, 'friendsCount')
    return (await this.#deps.lists.visibleFriends(owner, viewer, { limit: 0, offset: 0 })).total
  }

  /**
   * Friends that two users have in common; anybody may ask about themselves and another. None when one blocks the
   * other, so that nobody learns more by asking than that there is nothing to see.
   */
  mutual(viewer: Address, other: Address, page: Page): Promise<Paged<Address>> {
    return this.#deps.lists.mutualFriends(viewer, other, page)
  }

  /** As {@link mutual}, where the other's exposure of their friends has a say. @throws SocialError `forbidden` */
  async exposedMutual(viewer: Address, other: Address, page: Page): Promise<Paged<Address>> {
    await this.#checkExposure(viewer, other, 'friends')
    return this.mutual(viewer, other, page)
  }

  /** Requests that wait for the user's answer, or for that of others; newest first. */
  requests(user: Address, direction: RequestDirection, page: Page): Promise<Paged<PendingRequest>> {
    return this.#deps.lists.requests(user, direction, page)
  }

  #publish(event: PairEvent, before: Pair): PairEvent {
    this.#deps.bus.publish(event, before.version)
    return event
  }

  /**
   * The answer to an action that changes nothing: the event of the first time, where that is the pair's last one. A
   * block that others have followed, and the end of one that there never was, are answered with what is between the
   * two.
   */
  async #repeatedEvent(pair: Pair, { actor, target, action }: Intent): Promise<PairEvent> {
    const isLast = pair.lastAction === action && pair.actor === actor
    const event = isLast ? await this.#deps.log.find(pair.version) : null
    if (event) return event
    return {
      kind: 'pair',
      seq: pair.version,
      actor,
      target,
      action,
      previous: statusOf(pair),
      previousActor: pair.actor,
      message: action === 'request' ? pair.message : null,
      at: (action === 'block' ? pair.blockedBy.get(actor) : undefined) ?? pair.at
    }
  }

  async #checkExposure(viewer: Address, owner: Address, what: 'friends' | 'friendsCount'): Promise<void> {
    if (viewer === owner) return
    const { closeness: pairs, settings } = this.#deps
    const exposure: Exposure = (await settings.read(owner))[what]
    const closeness = await pairs.closeness(viewer, owner)
    const isVisible = closeness !== null && maySee(exposure, closeness)
    if (!isVisible) throw new SocialError('forbidden', 'This user does not show you their friends')
  }
}

/** @throws SocialError `invalid_request` */
function withValidMessage(intent: Intent, maxLength: number): Intent {
  if (intent.message === null) return intent
  // Half of a character, as JSON can hold it, is in no encoding: it would be stored as something else than was
  // answered.
  const message = intent.message.toWellFormed()
  if (isLonger(message, maxLength)) {
    throw new SocialError('invalid_request', `A message has at most ${maxLength} characters`)
  }
  return { ...intent, message }
}

/** Counts characters, not UTF-16 units, and only when that can matter. */
function isLonger(text: string, limit: number): boolean {
  return text.length > limit && [...text].length > limit
}
