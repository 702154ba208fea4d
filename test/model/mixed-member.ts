import {
  FriendshipStatus,
  type FriendshipUpdate
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { expect } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { FriendshipAction } from '../../src/domain/friendship.ts'
import { collect, type Env, type Inbox, type V1User } from '../env/app.ts'
import type { ReceivedUpdates } from '../env/received-updates.ts'
import { type LoggedIn, Rest, statePath } from '../env/rest.ts'
import { until } from '../env/until.ts'
import { connectV2, listen, type V2Device } from '../env/v2.ts'
import type { Operation, Reference } from './mixed-reference.ts'

export const PROTOCOLS = ['v1', 'v2', 'rest'] as const
export type Protocol = (typeof PROTOCOLS)[number]

export type News = readonly [actor: string | undefined, action: string | undefined]

interface Body {
  readonly user?: { readonly address: string }
  readonly friend?: { readonly address: string }
}

/** News of different users may overtake each other, those of one never do. */
const byActor = (news: readonly News[]): News[] => [...news].sort(([a = ''], [b = '']) => Number(a > b) - Number(a < b))

/** A user who speaks all protocols at once. */
export class Member {
  readonly address: Address
  /** What this user is to receive by each protocol: of whom, and what. */
  readonly news: { readonly v1: News[]; readonly v2: News[] } = { v1: [], v2: [] }
  readonly #v1: V1User
  readonly #v2: V2Device
  readonly #rest: LoggedIn
  readonly #toV1: Inbox
  readonly #toV2: ReceivedUpdates<FriendshipUpdate>

  private constructor(v1: V1User, v2: V2Device, rest: LoggedIn, toV1: Inbox, toV2: ReceivedUpdates<FriendshipUpdate>) {
    this.address = v1.address
    this.#v1 = v1
    this.#v2 = v2
    this.#rest = rest
    this.#toV1 = toV1
    this.#toV2 = toV2
  }

  static async join(env: Env): Promise<Member> {
    const v1 = await env.login()
    const v2 = await connectV2(env, v1)
    const rest = await new Rest(env.app.httpUrl).login(v1)
    const toV2 = await listen(env, v1.address, v2.service.subscribeToFriendshipUpdates({}))
    return new Member(v1, v2, rest, await env.updates(v1), toV2)
  }

  leave(): void {
    this.#v1.client.disconnect()
    this.#v2.socket.close()
  }

  /** Does it by a protocol; a block by v2, as no other knows them. @returns whether it was accepted */
  async do(protocol: Protocol, { action, target }: Operation): Promise<boolean> {
    if (action === 'block' || action === 'unblock') return this.#setBlock(target, action === 'block')
    if (protocol === 'rest') {
      const { status } = await this.#rest.rest.put(statePath(this.address, target), { type: action })
      if (status !== 200) expect([400, 403]).toContain(status)
      return status === 200
    }
    return protocol === 'v1' ? this.#actOnV1(action, target) : this.#actOnV2(action, target)
  }

  /** Compares what every protocol shows with what must be. */
  async check(reference: Reference, everybody: readonly Address[]): Promise<void> {
    const others = everybody.filter(other => other !== this.address).sort()
    const between = (other: Address) => reference.between(this.address, other)
    const expected = {
      friends: others.filter(other => between(other).friends),
      incoming: others.filter(other => between(other).askedBy === other),
      outgoing: others.filter(other => between(other).askedBy === this.address)
    }
    expect(await this.#seenOnV1()).toEqual(expected)
    expect(await this.#seenOnV2()).toEqual(expected)
    expect(await this.#seenOnRest()).toEqual(expected)
    await this.#checkBlocks(others, between)
  }

  /** Waits until everything arrived that was to arrive, and nothing else. */
  async checkNews(): Promise<void> {
    const { events } = this.#toV1
    await until(
      () => events.length >= this.news.v1.length && this.#toV2.items.length >= this.news.v2.length,
      'all arrives'
    )
    const onV1 = events.map((event): News => {
      const [action, body] = Object.entries(event).find(([, value]) => value !== undefined) ?? []
      return [body?.user?.address, action]
    })
    const onV2 = this.#toV2.items.map(({ update }): News => {
      const body = update && { ...(update as unknown as Record<string, Body>) }[update.$case]
      return [(body?.friend ?? body?.user)?.address, update?.$case]
    })
    expect(byActor(onV1)).toEqual(byActor(this.news.v1))
    expect(byActor(onV2)).toEqual(byActor(this.news.v2))
  }

  async #actOnV1(action: FriendshipAction, target: Address): Promise<boolean> {
    const { client } = this.#v1
    const calls = {
      request: () => client.requestFriendship(target),
      accept: () => client.acceptFriendshipRequest(target),
      reject: () => client.rejectFriendshipRequest(target),
      cancel: () => client.cancelFriendshipRequest(target),
      delete: () => client.removeFriend(target)
    }
    return calls[action]().then(
      () => true,
      () => false
    )
  }

  async #actOnV2(action: FriendshipAction, target: Address): Promise<boolean> {
    const body = { $case: action, [action]: { user: { address: target } } }
    const { response } = await this.#v2.service.upsertFriendship({ action: body as never })
    return response?.$case === 'accepted'
  }

  async #setBlock(target: Address, isBlocked: boolean): Promise<boolean> {
    const { service } = this.#v2
    const payload = { user: { address: target } }
    const { response } = await (isBlocked ? service.blockUser(payload) : service.unblockUser(payload))
    return response?.$case === 'ok'
  }

  async #seenOnV1() {
    const friends = await collect(this.#v1.client.getFriends())
    const requests = await this.#v1.client.getRequestEvents()
    const sorted = (
      list: typeof requests extends infer R ? NonNullable<R>['incoming' & keyof NonNullable<R>] : never
    ) => (list?.items ?? []).map(({ user }) => user?.address).sort()
    return { friends, incoming: sorted(requests?.incoming), outgoing: sorted(requests?.outgoing) }
  }

  async #seenOnV2() {
    const { service } = this.#v2
    const requests = async (answer: ReturnType<typeof service.getSentFriendshipRequests>) => {
      const { response, paginationData } = await answer
      const listed = response?.$case === 'requests' ? response.requests.requests : []
      expect(paginationData?.total).toBe(listed.length)
      return listed.map(({ friend }) => friend?.address).sort()
    }
    return {
      friends: (await service.getFriends({})).friends.map(({ address }) => address),
      incoming: await requests(service.getPendingFriendshipRequests({})),
      outgoing: await requests(service.getSentFriendshipRequests({}))
    }
  }

  async #seenOnRest() {
    const { rest } = this.#rest
    const addresses = (list: { address: string }[]) => list.map(({ address }) => address)
    const { friendships } = (await rest.get('/v1/friendships/me')).body
    const { incoming, outgoing } = (await rest.get('/v1/friendships/me/requests')).body
    expect((await rest.get('/v1/friendships/me/count')).body).toEqual({ count: friendships.length })
    return {
      friends: addresses(friendships),
      incoming: addresses(incoming).sort(),
      outgoing: addresses(outgoing).sort()
    }
  }

  async #checkBlocks(others: readonly Address[], between: (other: Address) => ReturnType<Reference['between']>) {
    const { service } = this.#v2
    const blocked = others.filter(other => between(other).blockedBy.includes(this.address))
    const blockedBy = others.filter(other => between(other).blockedBy.includes(other))
    const status = await service.getBlockingStatus({})
    expect([status.blockedUsers.sort(), status.blockedByUsers.sort()]).toEqual([blocked, blockedBy])
    const { profiles } = await service.getBlockedUsers({})
    expect(profiles.map(({ address }) => address).sort()).toEqual(blocked)
    for (const other of others) {
      const { response } = await service.getFriendshipStatus({ user: { address: other } })
      const seen = response?.$case === 'accepted' ? FriendshipStatus[response.accepted.status] : null
      expect([other, seen]).toEqual([other, this.#statusOf(other, between(other))])
    }
  }

  #statusOf(other: Address, { friends, askedBy, blockedBy, last }: ReturnType<Reference['between']>): string {
    if (blockedBy.includes(this.address)) return 'BLOCKED'
    if (blockedBy.includes(other)) return 'BLOCKED_BY'
    if (friends) return 'ACCEPTED'
    if (askedBy) return askedBy === this.address ? 'REQUEST_SENT' : 'REQUEST_RECEIVED'
    if (last === null) return 'NONE'
    return last.action === 'reject' ? 'REJECTED' : last.action === 'cancel' ? 'CANCELED' : 'DELETED'
  }
}
