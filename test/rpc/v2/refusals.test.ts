import {
  SocialServiceDefinition,
  UpsertFriendshipPayload as UpsertFriendship,
  type UpsertFriendshipPayload
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { FRIENDSHIP_ACTIONS, type FriendshipAction } from '../../../src/domain/friendship.ts'
import { Env } from '../../env/app.ts'
import { describeWithPostgres, freshPostgres, silent } from '../../env/databases.ts'
import { startService } from '../../env/rest.ts'
import { connectV2, handshakeOf, listen, type V2Device } from '../../env/v2.ts'
import { RawClient } from '../engine/clients.ts'
import { ack, createPort, request, requestModule, TYPE } from '../engine/frames.ts'

let env: Env
let alice: V2Device
let bob: V2Device
beforeAll(async () => {
  env = await startService({ MAX_PENDING_REQUESTS: '5' })
  alice = await connectV2(env)
  bob = await connectV2(env)
})
afterAll(() => env.stop())

type Action = NonNullable<UpsertFriendshipPayload['action']>

function act(device: V2Device, action: FriendshipAction, address: string, message?: string) {
  const body = { user: { address }, ...(message === undefined ? {} : { message }) }
  return device.service.upsertFriendship({ action: { $case: action, [action]: body } as unknown as Action })
}

const invalidRequest = (message: string) => ({ $case: 'invalidRequest', invalidRequest: { message } })
const invalidAction = (message: string) => ({ $case: 'invalidFriendshipAction', invalidFriendshipAction: { message } })

/** Every method that is about another user, as one that is refused answers: by its case, or by a remote error. */
function asking(device: V2Device, address: string): [name: string, answer: () => Promise<unknown>][] {
  const { service } = device
  const user = { address }
  const caseOf = async (answer: Promise<{ response?: unknown }>) => (await answer).response
  const remote = (answer: Promise<unknown>) => answer.then(String, (error: Error) => invalidRequest(textOf(error)))
  return [
    ...FRIENDSHIP_ACTIONS.map(
      action => [action, () => caseOf(act(device, action, address))] as [string, () => Promise<unknown>]
    ),
    ['status', () => caseOf(service.getFriendshipStatus({ user }))],
    ['block', () => caseOf(service.blockUser({ user }))],
    ['unblock', () => caseOf(service.unblockUser({ user }))],
    ['settings', () => caseOf(service.getPrivateMessagesSettings({ user: [user] }))],
    ['mutual', () => remote(service.getMutualFriends({ user }))]
  ]
}

const textOf = (error: Error): string => error.message.replace('RemoteError: ', '')

describe('a call about a user', () => {
  it.each([
    ['41 digits', `0x${'a'.repeat(41)}`],
    ['a NUL', `0x${'a'.repeat(39)}\0`],
    ['an emoji', `0x${'a'.repeat(39)}😀`],
    ['a Matrix id', `@0x${'a'.repeat(40)}:decentraland.org`],
    ['SQL', "0x' or true --"]
  ])('is refused with %s in the place of an address', async (_, address) => {
    for (const [name, answer] of asking(alice, address)) {
      expect([name, await answer()]).toEqual([name, invalidRequest('`user` is not an Ethereum address')])
    }
  })

  it('is refused when it names nobody', async () => {
    const missing = invalidRequest('`user` was not provided')
    for (const [name, answer] of asking(alice, '')) expect([name, await answer()]).toEqual([name, missing])
    const { service } = alice
    expect((await service.blockUser({ user: undefined })).response).toEqual(missing)
    expect((await service.getFriendshipStatus({ user: undefined })).response).toEqual(missing)
    const accept = { $case: 'accept' as const, accept: { user: undefined } }
    expect((await service.upsertFriendship({ action: accept })).response).toEqual(missing)
  })

  it('is refused when it names the caller, in any letter case', async () => {
    const { address } = alice
    const yourself = [
      invalidRequest('You cannot act upon yourself'),
      invalidRequest('There is nothing between you and yourself')
    ]
    for (const self of [address, address.toUpperCase().replace('0X', '0x'), address.toUpperCase()]) {
      for (const [name, answer] of asking(alice, self)) {
        if (name !== 'settings' && name !== 'mutual') expect(yourself).toContainEqual(await answer())
      }
    }
    expect(await alice.service.getBlockingStatus({})).toEqual({ blockedUsers: [], blockedByUsers: [] })
    expect((await alice.service.getSentFriendshipRequests({})).paginationData?.total).toBe(0)
  })
})

describe('an action', () => {
  it('is refused in the words of the first implementation when it is not possible', async () => {
    const transition = invalidAction('Invalid friendship event update transition')
    const actor = (action: string) => invalidAction(`Invalid acting user for friendship event update ${action}`)
    const response = async (device: V2Device, action: FriendshipAction, other: V2Device) =>
      (await act(device, action, other.address)).response
    const [dave, erin] = [await connectV2(env), await connectV2(env)]
    for (const action of ['accept', 'reject', 'cancel', 'delete'] as const) {
      expect(await response(dave, action, erin)).toEqual(transition)
    }
    await act(dave, 'request', erin.address)
    expect(await response(dave, 'accept', erin)).toEqual(actor('accept'))
    expect(await response(dave, 'reject', erin)).toEqual(actor('reject'))
    expect(await response(erin, 'cancel', dave)).toEqual(actor('cancel'))
    expect(await response(erin, 'request', dave)).toEqual(transition)
    expect(await response(dave, 'delete', erin)).toEqual(transition)
    await dave.service.blockUser({ user: { address: erin.address } })
    for (const [device, other] of [[dave, erin] as const, [erin, dave] as const]) {
      expect(await response(device, 'request', other)).toEqual(invalidAction('This user cannot be befriended'))
    }
  })

  it('is refused when it is unknown', async () => {
    const none = invalidRequest('No known action was provided')
    expect((await alice.service.upsertFriendship({})).response).toEqual(none)
  })

  it('is refused with too long a message', async () => {
    for (const message of ['x'.repeat(2001), 'é'.repeat(10_000)]) {
      const answer = await act(alice, 'request', bob.address, message)
      expect(answer.response).toEqual(invalidRequest('A message has at most 2000 characters'))
    }
  })

  it('is refused over a limit, unless it is a block', async () => {
    const erin = await connectV2(env)
    const wallets = await Promise.all(Array.from({ length: 6 }, () => createWallet()))
    const answers = await Promise.all(wallets.map(({ address }) => act(erin, 'request', address)))
    const refused = answers.filter(({ response }) => response?.$case !== 'accepted')
    expect(refused.map(({ response }) => response)).toEqual([
      invalidRequest('The limit of pending friendship requests is reached')
    ])
    for (const { address } of wallets) {
      expect((await erin.service.blockUser({ user: { address } })).response?.$case).toBe('ok')
    }
    expect((await erin.service.getSentFriendshipRequests({})).paginationData?.total).toBe(0)
  })

  it('has the same answer when it is repeated, and causes one update, in any letter case', async () => {
    const [dave, erin] = [await connectV2(env), await connectV2(env)]
    const toErin = await listen(env, erin.address, erin.service.subscribeToFriendshipUpdates({}))
    const spellings = [erin.address, erin.address.toUpperCase().replace('0X', '0x'), erin.address.toUpperCase()]
    const answers = []
    for (const spelling of spellings) answers.push(await act(dave, 'request', spelling, 'hi'))
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
    await act(dave, 'cancel', erin.address)
    expect((await toErin.next()).update?.$case).toBe('request')
    expect((await toErin.next()).update?.$case).toBe('cancel')
    expect((await erin.service.getPendingFriendshipRequests({})).paginationData?.total).toBe(0)
  })
})

describe('settings', () => {
  it('are refused with an unknown value, and nothing changes', async () => {
    const { service } = alice
    for (const value of [2, 99, -1]) {
      for (const name of ['privateMessagesPrivacy', 'blockedUsersMessagesVisibility', 'showSituationReactions']) {
        const { response } = await service.upsertSocialSettings({ showSituationReactions: 1, [name]: value })
        expect(response).toMatchObject({ $case: 'invalidRequest' })
      }
    }
    const settings = { privateMessagesPrivacy: 0, blockedUsersMessagesVisibility: 0, showSituationReactions: 0 }
    expect((await service.getSocialSettings({})).response).toEqual({ $case: 'ok', ok: { settings } })
    expect((await service.upsertSocialSettings({})).response).toEqual({ $case: 'ok', ok: settings })
    const shy = { ...settings, showSituationReactions: 1 }
    expect((await service.upsertSocialSettings({ showSituationReactions: 1 })).response).toEqual({
      $case: 'ok',
      ok: shy
    })
  })

  it('of up to 50 others are answered at once', async () => {
    const ask = async (count: number) => {
      const user = Array.from({ length: count }, (_, at) => ({ address: `0x${String(at).padStart(40, '0')}` }))
      return (await bob.service.getPrivateMessagesSettings({ user })).response
    }
    expect(await ask(51)).toEqual(invalidRequest('At most 50 users can be asked about'))
    expect(await ask(0)).toEqual({ $case: 'ok', ok: { settings: [] } })
    const answer = await ask(50)
    const addresses = answer?.$case === 'ok' ? answer.ok.settings.map(({ user }) => user?.address) : []
    expect(addresses).toEqual(Array.from({ length: 50 }, (_, at) => `0x${String(at).padStart(40, '0')}`))
  })
})

describe('bytes that are no request', () => {
  const UNDECODABLE: [string, Uint8Array][] = [
    ['cut short', Buffer.from([0x0a, 0x40, 0x01])],
    ['groups in groups, 10,000 deep', Buffer.concat([Buffer.alloc(10_000, 0x7b), Buffer.alloc(10_000, 0x7c)])],
    ['a varint without an end', Buffer.alloc(100, 0xff)]
  ]

  it('are answered with an error by every method, and the socket stays', async () => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(JSON.stringify(handshakeOf(bob)))
    client.send(createPort(1))
    client.send(requestModule(2, 1, 'SocialService'))
    for (const type of [TYPE.SERVER_READY, TYPE.CREATE_PORT_RESPONSE]) expect((await client.next()).type).toBe(type)
    const { procedures } = (await client.next()).message
    expect(procedures).toHaveLength(Object.keys(SocialServiceDefinition.methods).length)
    let number = 2
    for (const { procedureId, procedureName } of procedures) {
      for (const [what, payload] of UNDECODABLE) {
        client.send(request(++number, 1, procedureId, payload))
        let answer = await client.next()
        if (answer.type === TYPE.STREAM_MESSAGE) {
          client.send(ack(number, 1, 0))
          answer = await client.next()
        }
        const { type, message } = answer
        const text = type === TYPE.REMOTE_ERROR ? message.errorMessage : Buffer.from(message.payload).toString()
        expect([procedureName, what, text]).toEqual([
          procedureName,
          what,
          expect.stringMatching(/cannot be decoded|are not part|no such voice chat/)
        ])
      }
    }
    // A case that no version of the definition has.
    const unknown = Buffer.from([0x7a, 0x00])
    const upsert = procedures.find((each: { procedureName: string }) => each.procedureName === 'UpsertFriendship')
    client.send(request(++number, 1, upsert.procedureId, unknown))
    expect(UpsertFriendship.decode(unknown).action).toBe(undefined)
    expect(Buffer.from((await client.next()).message.payload).toString()).toContain('No known action was provided')
  })

  it.each<[string, Uint8Array | string, number]>([
    ['text', 'hello', 1003],
    ['an empty frame', Buffer.alloc(0), 1007],
    ['a frame that is cut short', createPort(1).subarray(0, 4), 1007],
    ['a frame above the limit', Buffer.alloc(65_537), 1009]
  ])('as a frame, %s, close that socket and no other', async (_, frame, code) => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(JSON.stringify(handshakeOf(bob)))
    await client.next()
    client.send(frame)
    expect((await client.closed).code).toBe(code)
    expect(await alice.service.getFriends({})).toMatchObject({ friends: [] })
  })

  it.each([
    ['an unknown port', 9, 1, 'Unknown port'],
    ['an unknown procedure', 1, 999, 'Unknown procedure']
  ])('for %s are answered with a remote error', async (_, portId, procedureId, text) => {
    using client = await RawClient.open(env.app.rpcUrl)
    client.send(JSON.stringify(handshakeOf(bob)))
    client.send(createPort(1))
    client.send(requestModule(2, 1, 'SocialService'))
    for (let frame = 0; frame < 3; frame += 1) await client.next()
    client.send(request(3, portId, procedureId))
    expect(await client.next()).toMatchObject({ type: TYPE.REMOTE_ERROR, number: 3, message: { errorMessage: text } })
  })
})

describeWithPostgres('when the database fails', () => {
  it('every method answers a mute internal error, and recovers', async () => {
    const url = await freshPostgres()
    await using broken = await Env.start({ DATABASE_URL: url }, { logger: silent })
    const dave = await connectV2(broken)
    const database = new Client({ connectionString: url })
    await database.connect()
    const rename = async (from: string, to: string) => {
      for (const table of ['pair', 'user_settings', 'user_count']) {
        await database.query(`alter table ${table}${from} rename to ${table}${to}`)
      }
    }
    await rename('', '_away')
    const { service } = dave
    const user = { address: bob.address }
    const remote = (answer: Promise<unknown>) => answer.then(String, textOf)
    const internal = { $case: 'internalServerError', internalServerError: { message: 'Internal error' } }
    expect((await act(dave, 'request', bob.address)).response).toEqual(internal)
    expect((await service.getFriendshipStatus({ user })).response).toEqual(internal)
    expect((await service.getPendingFriendshipRequests({})).response).toEqual(internal)
    expect((await service.getSentFriendshipRequests({})).response).toEqual(internal)
    expect((await service.blockUser({ user })).response).toEqual(internal)
    expect((await service.unblockUser({ user })).response).toEqual(internal)
    expect((await service.getSocialSettings({})).response).toEqual(internal)
    expect((await service.upsertSocialSettings({})).response).toEqual(internal)
    expect((await service.getPrivateMessagesSettings({ user: [user] })).response).toEqual(internal)
    expect(await remote(service.getFriends({}))).toBe('Internal error')
    expect(await remote(service.getMutualFriends({ user }))).toBe('Internal error')
    expect(await remote(service.getBlockedUsers({}))).toBe('Internal error')
    expect(await remote(service.getBlockingStatus({}))).toBe('Internal error')
    const changes = service.subscribeToFriendConnectivityUpdates({})[Symbol.asyncIterator]()
    expect(await remote(changes.next())).toBe('Internal error')
    await rename('_away', '')
    expect((await act(dave, 'request', bob.address)).response?.$case).toBe('accepted')
    await database.end()
  })
})
