import { setTimeout as wait } from 'node:timers/promises'
import {
  FriendshipUpdate,
  UpsertFriendshipPayload,
  UpsertFriendshipResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { caseOf, expectCase } from '../../load/answers.ts'
import { bodyOf } from '../../load/steps.ts'
import { ACCEPTED } from '../../load/v2.ts'
import { type Member, requestOf } from './member.ts'

/** What is done again and again. */
const ACTIONS = ['request', 'cancel'] as const
type Action = (typeof ACTIONS)[number]

/** Before an action that was not acknowledged is sent again, in milliseconds. */
const AGAIN_MS = 500
/** How often it is looked whether who acts is connected again, in milliseconds. */
const LOOK_MS = 50
/** The answer to an action that was done already, and too long ago to be taken for the same. */
const DONE_BEFORE = caseOf(
  UpsertFriendshipResponse.encode({ response: { $case: 'invalidFriendshipAction', invalidFriendshipAction: {} } })
)

const UPDATE: Readonly<Record<Action, number>> = {
  request: caseOf(
    FriendshipUpdate.encode({ update: { $case: 'request', request: { friend: undefined, createdAt: 1, id: '' } } })
  ),
  cancel: caseOf(FriendshipUpdate.encode({ update: { $case: 'cancel', cancel: { user: undefined } } }))
}

/** An action that was acknowledged and told, by the monotonic clock in milliseconds. */
export interface Told {
  readonly answeredAt: number
  readonly toldAt: number
}

/** A member who asks another one, and takes it back. */
export class Pair {
  readonly #actor: Member
  readonly #target: Member
  readonly #onFailure: (why: string) => void
  /** Actions of which the other does not know: no two of one kind, so that an update says which one it is of. */
  readonly #untold: { readonly action: Action; readonly resolve: (at: number) => void }[] = []
  #isActing = false
  #acts = 0
  #repeats = 0

  constructor(actor: Member, target: Member, onFailure: (why: string) => void) {
    this.#actor = actor
    this.#target = target
    this.#onFailure = onFailure
  }

  get canAct(): boolean {
    return !this.#isActing && this.#untold.length < ACTIONS.length
  }

  /** Whether the other knows everything. */
  get isTold(): boolean {
    return this.#untold.length === 0
  }

  /** How often an action had to be sent again. */
  get repeats(): number {
    return this.#repeats
  }

  /** Acts, again and again until it is acknowledged, and waits until the other is told of it or of what came later. */
  async act(): Promise<Told> {
    const action = ACTIONS[this.#acts++ % ACTIONS.length]!
    const told = new Promise<number>(resolve => this.#untold.push({ action, resolve }))
    this.#isActing = true
    for (let tries = 1; !(await this.#send(action, tries)); tries++) {
      this.#repeats += 1
      await wait(AGAIN_MS)
    }
    this.#isActing = false
    return { answeredAt: performance.now(), toldAt: await told }
  }

  /** The other was told. */
  told(payload: Uint8Array): void {
    const last = this.#untold.findLastIndex(({ action }) => payload[0] === UPDATE[action])
    if (last < 0) this.#onFailure('An update of something that was told before, or that nobody did')
    for (const { resolve } of this.#untold.splice(0, last + 1)) resolve(performance.now())
  }

  /** @returns whether it was acknowledged */
  async #send(action: Action, tries: number): Promise<boolean> {
    while (!this.#actor.isHere) await wait(LOOK_MS)
    try {
      const payload = UpsertFriendshipPayload.encode({ action: bodyOf({ action, target: this.#target }) }).finish()
      const answer = await this.#actor.call(requestOf('UpsertFriendship', payload))
      if (tries === 1 || answer[0] !== DONE_BEFORE) expectCase(answer, ACCEPTED)
      return true
    } catch (error) {
      this.#onFailure((error as Error).message)
      return false
    }
  }
}
