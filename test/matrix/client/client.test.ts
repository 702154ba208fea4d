import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HomeserverClient } from '../../../src/matrix/client/client.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { Homeserver, newAddress } from '../homeserver.ts'

interface Found {
  readonly results: readonly { readonly user_id: string }[]
}

interface Events {
  readonly chunk: readonly { readonly type: string }[]
}

describeWithSynapse('against a real homeserver', () => {
  let homeserver: Homeserver
  let client: HomeserverClient

  beforeAll(async () => {
    homeserver = new Homeserver(await sharedSynapse())
    client = homeserver.client
  })
  afterAll(() => client.close())

  describe('accounts and sessions', () => {
    test('registering twice is registering', async () => {
      const alice = newAddress()
      await client.register(alice)
      await client.register(alice)
      expect((await client.loginAs(alice, 'DEVICE')).userId).toBe(client.ids.userId(alice))
    })

    test('registering at the same instant is registering', async () => {
      const alice = newAddress()
      await Promise.all([1, 2, 3, 4].map(() => client.register(alice)))
    })

    test('a session is of the user and the device that it was started for', async () => {
      const alice = await homeserver.newUser()
      const { token, ...session } = await client.loginAs(alice, 'DEVICE')
      const owner = { userId: client.ids.userId(alice), deviceId: 'DEVICE' }
      expect(session).toEqual(owner)
      expect(await client.whoami(token)).toEqual(owner)
    })

    test('a session ends once, however often it is ended', async () => {
      const { token } = await client.loginAs(await homeserver.newUser(), 'DEVICE')
      await client.logout(token)
      await client.logout(token)
      await expect(client.whoami(token)).rejects.toMatchObject({
        kind: 'unauthorized',
        errcode: 'M_UNKNOWN_TOKEN',
        retryable: false
      })
    })

    test('a session for somebody who is not registered is not to be had', async () => {
      await expect(client.loginAs(newAddress(), 'DEVICE')).rejects.toMatchObject({
        kind: 'not_found',
        retryable: false
      })
    })

    test('a display name puts the user in the directory', async () => {
      const [alice, bob] = await Promise.all([homeserver.newUser(), homeserver.newUser()])
      await client.as(alice).setDisplayName(`Alice ${alice}`)
      const { token } = await client.loginAs(bob, 'DEVICE')
      await until(async () => {
        const path = '/_matrix/client/v3/user_directory/search'
        const { results } = await homeserver.fetchJson<Found>('POST', path, token, { search_term: alice })
        return results.some(found => found.user_id === client.ids.userId(alice))
      }, 'the user is found')
    })

    test('somebody who is not registered cannot act', async () => {
      await expect(client.as(newAddress()).getAccountData('m.direct')).rejects.toMatchObject({ kind: 'forbidden' })
    })

    test('a user who is locked or gone is distinguished from an unknown token', async () => {
      const [locked, gone] = await Promise.all([homeserver.newUser(), homeserver.newUser()])
      const { token } = await client.loginAs(locked, 'DEVICE')
      await homeserver.changeAccount(locked, { locked: true })
      await homeserver.changeAccount(gone, { deactivated: true })
      await expect(client.whoami(token)).rejects.toMatchObject({ kind: 'unauthorized', errcode: 'M_USER_LOCKED' })
      await expect(client.loginAs(gone, 'DEVICE')).rejects.toMatchObject({
        kind: 'forbidden',
        errcode: 'M_USER_DEACTIVATED'
      })
    })

    test.each([
      ['unknown to the homeserver', 'wrong'],
      ['missing', null]
    ])('an as_token that is %s is for an operator to mend', async (_, asToken) => {
      const stranger = homeserver.clientWith(asToken)
      const failure = { kind: 'misconfigured', retryable: true }
      await expect(stranger.register(newAddress())).rejects.toMatchObject(failure)
      await expect(stranger.as(newAddress()).getAccountData('m.direct')).rejects.toMatchObject(failure)
      await stranger.close()
    })

    test('the token of a user needs no as_token', async () => {
      const { token, userId } = await client.loginAs(await homeserver.newUser(), 'DEVICE')
      const passthrough = homeserver.clientWith(null)
      expect((await passthrough.whoami(token)).userId).toBe(userId)
      await passthrough.logout(token)
      await passthrough.close()
    })
  })

  describe('what is in rooms and accounts', () => {
    const TYPE = 'org.decentraland.friendship'

    test('state is set once for equal content, and anew for other', async () => {
      const { alice, bob, roomId } = await homeserver.newSharedRoom()
      await client.as(bob).joinRoom(roomId)
      expect(await client.as(alice).getState(roomId, TYPE, '')).toBeNull()

      const first = await client.as(alice).putState(roomId, TYPE, '', { type: 'request' })
      expect(await client.as(alice).putState(roomId, TYPE, '', { type: 'request' })).toBe(first)
      expect(await client.as(bob).putState(roomId, TYPE, '', { type: 'accept' })).not.toBe(first)
      expect(await client.as(alice).getState(roomId, TYPE, '')).toEqual({ type: 'accept' })
    })

    test('state of a room is not for outsiders', async () => {
      const { roomId } = await homeserver.newSharedRoom()
      const outsider = client.as(await homeserver.newUser())
      await expect(outsider.getState(roomId, TYPE, '')).rejects.toMatchObject({ kind: 'forbidden' })
      await expect(outsider.putState(roomId, TYPE, '', {})).rejects.toMatchObject({ kind: 'forbidden' })
    })

    test('a message is sent once, however often and however fast it is tried', async () => {
      const { alice, roomId } = await homeserver.newSharedRoom()
      const content = { msgtype: 'm.text', body: 'Shall we be friends? \u{1f389}' }
      const txnId = `message-${alice}`
      const events = await Promise.all([1, 2, 3].map(() => client.as(alice).sendMessage(roomId, txnId, content)))
      events.push(await client.as(alice).sendMessage(roomId, txnId, content))
      expect(new Set(events).size).toBe(1)

      const { token } = await client.loginAs(alice, 'DEVICE')
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`
      const { chunk } = await homeserver.fetchJson<Events>('GET', path, token)
      const bodies = chunk.filter(event => event.type === 'm.room.message')
      expect(bodies).toMatchObject([{ content, sender: client.ids.userId(alice) }])
    })

    test('a message that is too large is never taken', async () => {
      const { alice, roomId } = await homeserver.newSharedRoom()
      const content = { msgtype: 'm.text', body: 'x'.repeat(70_000) }
      await expect(client.as(alice).sendMessage(roomId, `large-${alice}`, content)).rejects.toMatchObject({
        kind: 'bad_request',
        errcode: 'M_TOO_LARGE',
        retryable: false
      })
    })

    test('account data is empty until it is written', async () => {
      const [alice, bob] = await Promise.all([homeserver.newUser(), homeserver.newUser()])
      const direct = { [client.ids.userId(bob)]: ['!room:localhost'] }
      expect(await client.as(alice).getAccountData('m.direct')).toBeNull()
      await client.as(alice).putAccountData('m.direct', direct)
      expect(await client.as(alice).getAccountData('m.direct')).toEqual(direct)
      expect(await client.as(bob).getAccountData('m.direct')).toBeNull()
    })

    test.each(['a/b', 'a?b=c#d', '%2f', '..', '.', 'ü 😀', '+', '&user_id=@x:y', 'half \ud83d a pair'])(
      'a name of account data such as %j is one part of the path',
      async type => {
        const alice = await homeserver.newUser()
        await client.as(alice).putAccountData(type, { type })
        expect(await client.as(alice).getAccountData(type)).toMatchObject({ type: expect.any(String) })
        expect(await client.as(alice).getAccountData(`${type}x`)).toBeNull()
      }
    )
  })
})
