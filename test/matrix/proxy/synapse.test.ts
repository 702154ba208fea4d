import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLIENT, MatrixEnv, part } from '../../env/matrix.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'

describeWithSynapse('through the proxy to a real homeserver', () => {
  let env: MatrixEnv

  beforeAll(async () => {
    env = await MatrixEnv.start(await sharedSynapse())
  })
  afterAll(() => env[Symbol.asyncDispose]())

  test('media of some megabytes comes back as it was sent', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const media = randomBytes(5 * 1024 ** 2)
    const upload = await fetch(`${env.env.app.httpUrl}/_matrix/media/v3/upload?filename=a%20b.bin`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.rest.token}`, 'content-type': 'application/octet-stream' },
      body: media
    })
    const { content_uri } = (await upload.json()) as { content_uri: string }
    const path = content_uri.replace('mxc://', '/_matrix/client/v1/media/download/')
    const download = await fetch(env.env.app.httpUrl + path, { headers: { authorization: `Bearer ${bob.rest.token}` } })
    expect(download.headers.get('content-disposition')).toContain('a%20b.bin')
    expect(Buffer.from(await download.arrayBuffer()).equals(media)).toBe(true)
    expect((await env.rest.get(path)).status).toBe(401)
  })

  test('a long poll ends with what it waits for', async () => {
    const { alice, bob, roomId } = await env.pair()
    let since = (await bob.rest.get(`${CLIENT}/sync?timeout=0`)).body.next_batch
    const poll = async (): Promise<boolean> => {
      const { body } = await bob.rest.get(`${CLIENT}/sync?timeout=30000&since=${part(since)}`)
      since = body.next_batch
      const ephemeral = body.rooms?.join?.[roomId]?.ephemeral?.events ?? []
      return ephemeral.some(({ type, content }: typeof ephemeral) => type === 'm.typing' && content.user_ids.length > 0)
    }
    const heard = until(poll, 'the other is seen to write')
    const typing = `${CLIENT}/rooms/${part(roomId)}/typing/${part(alice.userId)}`
    expect((await alice.rest.put(typing, { typing: true, timeout: 30_000 })).status).toBe(200)
    await heard
  })

  test('a mark of what was read is seen by the other', async () => {
    const { alice, bob, roomId } = await env.pair()
    const room = `${CLIENT}/rooms/${part(roomId)}`
    const sent = await alice.rest.post(`${room}/send/m.room.message`, { msgtype: 'm.text', body: 'Hi' })
    const eventId = sent.body.event_id as string
    const marks = { 'm.fully_read': eventId, 'm.read': eventId }
    expect((await bob.rest.post(`${room}/read_markers`, marks)).status).toBe(200)
    await until(async () => {
      const { body } = await alice.rest.get(`${CLIENT}/sync?timeout=0&full_state=true&_=${Math.random()}`)
      return JSON.stringify(body.rooms?.join?.[roomId]?.ephemeral ?? '').includes(bob.userId)
    }, 'the mark is seen')
  })

  test('the same transaction id of two users is two messages, and of one user one', async () => {
    const { alice, bob, roomId } = await env.pair()
    const path = `${CLIENT}/rooms/${part(roomId)}/send/m.room.message/1`
    const send = (user: typeof alice) => user.rest.put(path, { msgtype: 'm.text', body: user.address })
    const answers = [await send(alice), await send(bob), await send(alice)]
    const [first, second, third] = answers.map(({ body }) => body.event_id)
    expect(first).toMatch(/^\$/)
    expect(second).not.toBe(first)
    expect(third).toBe(first)
  })

  test.each([
    ['GET', '/_matrix/client/versions'],
    ['GET', `${CLIENT}/pushrules/`],
    ['GET', `${CLIENT}/capabilities`],
    ['GET', `${CLIENT}/voip/turnServer`],
    ['GET', `${CLIENT}/joined_rooms`],
    ['GET', `${CLIENT}/publicRooms?limit=1`],
    ['GET', '/_matrix/media/v3/config'],
    ['GET', '/_matrix/client/v1/media/config']
  ])('%s %s is answered', async (method, path) => {
    const { rest } = await env.login()
    expect((await rest.send(method, path)).status).toBe(200)
  })

  test('what a user keeps there is written and read', async () => {
    const alice = await env.login()
    const data = `${CLIENT}/user/${part(alice.userId)}/account_data/m.direct`
    // As large as that of a very friendly user.
    const direct = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, at) => [`@0x${at}:localhost`, ['!r:localhost']])
    )
    expect((await alice.rest.put(data, direct)).status).toBe(200)
    expect((await alice.rest.get(data)).body).toEqual(direct)
    const filter = await alice.rest.post(`${CLIENT}/user/${part(alice.userId)}/filter`, { room: {} })
    const path = `${CLIENT}/user/${part(alice.userId)}/filter/${filter.body.filter_id}`
    expect((await alice.rest.get(path)).body).toEqual({ room: {} })
  })

  test('nobody changes what another keeps', async () => {
    const [alice, bob] = await Promise.all([env.login(), env.login()])
    const data = `${CLIENT}/user/${part(bob.userId)}/account_data/m.direct`
    expect((await alice.rest.put(data, {})).status).toBe(403)
    expect((await alice.rest.put(`${data}?user_id=${part(bob.userId)}`, {})).status).toBe(403)
    const name = `${CLIENT}/profile/${part(bob.userId)}/displayname`
    expect((await alice.rest.put(name, { displayname: 'x' })).status).toBeOneOf([400, 403])
    expect((await bob.rest.get(name)).body).toEqual({ displayname: bob.address })
  })

  test.each([
    '/_synapse/admin/v1/server_version',
    '/_matrix/client/../../_synapse/admin/v1/server_version',
    '/_matrix/client/v3/..%2f..%2f..%2f_synapse/admin/v1/server_version',
    '/_matrix/federation/v1/version',
    '/_matrix/key/v2/server',
    '/health'
  ])('%s is not reached', async path => {
    const { rest } = await env.login()
    const answer = await rest.raw(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${rest.token}\r\nConnection: close\r\n\r\n`
    )
    expect(answer).toMatch(/^HTTP\/1.1 40[04]/)
  })
})
