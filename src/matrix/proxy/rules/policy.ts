import type { Address } from '../../../domain/address.ts'
import { type Pair, statusOf } from '../../../domain/friendship.ts'
import type { Friendships } from '../../../friendships/friendships.ts'
import type { Settings } from '../../../friendships/settings.ts'
import { forbidden } from './rule.ts'

/** Who may have to do with whom in rooms: what users decided by blocks, friendships and settings. */
export class Policy {
  readonly #friends: Friendships
  readonly #settings: Settings

  constructor(friends: Friendships, settings: Settings) {
    this.#friends = friends
    this.#settings = settings
  }

  /** @throws MatrixError when one of the two has blocked the other */
  async checkContact(actor: Address, other: Address): Promise<void> {
    await this.#unblocked(actor, other)
  }

  /** @throws MatrixError as {@link checkContact}, and when the other takes private messages of friends only */
  async checkMessage(actor: Address, other: Address): Promise<void> {
    const pair = await this.#unblocked(actor, other)
    if (!(await this.#takesMessages(pair, other))) {
      throw forbidden('This user takes private messages of friends only')
    }
  }

  /**
   * As {@link checkMessage}, for an invite: a room with a name of the inviter's choice appears in front of the invited.
   * @throws MatrixError
   */
  async checkInvite(actor: Address, other: Address): Promise<void> {
    const pair = await this.#unblocked(actor, other)
    if (!(await this.#takesMessages(pair, other))) throw forbidden('This user takes invites of friends only')
  }

  /** Whether {@link checkMessage} would let a message through. */
  async mayMessage(actor: Address, other: Address): Promise<boolean> {
    const pair = await this.#friends.between(actor, other)
    return pair.blockedBy.size === 0 && this.#takesMessages(pair, other)
  }

  async #takesMessages(pair: Pair, other: Address): Promise<boolean> {
    return statusOf(pair) === 'accepted' || (await this.#settings.of(other)).privateMessages !== 'only_friends'
  }

  async #unblocked(actor: Address, other: Address): Promise<Pair> {
    const pair = await this.#friends.between(actor, other)
    // Who of the two blocks the other is not said.
    if (pair.blockedBy.size > 0) throw forbidden('You cannot have to do with this user')
    return pair
  }
}
