import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../env/app.ts'
import { act, type LoggedIn, Rest, startService, statePath } from '../../env/rest.ts'
import { expectSequence, SEQUENCES } from '../../matrix/friendship-puts.ts'

let env: Env
let rest: Rest
let alice: LoggedIn
let bob: LoggedIn
let passed = 0
beforeAll(async () => {
  env = await startService({ MAX_PENDING_REQUESTS: '3' }, { now: () => Date.now() + passed })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

async function two(): Promise<void> {
  alice = await rest.login()
  bob = await rest.login()
}

const upper = (address: string): string => `0x${address.slice(2).toUpperCase()}`
const EVENT = { event_id: expect.stringMatching(/^\$\d+$/) }
const friendsOf = async ({ rest: user }: LoggedIn) => (await user.get('/v1/friendships/me')).body.friendships

describe('a friendship', () => {
  beforeAll(two)

  it('is requested, canceled, rejected, accepted and deleted by state events', async () => {
    const path = statePath(alice.address, bob.address)
    const steps: [LoggedIn, string][] = [
      [alice, 'request'],
      [alice, 'cancel'],
      [alice, 'request'],
      [bob, 'reject'],
      [bob, 'request'],
      [alice, 'accept'],
      [bob, 'delete']
    ]
    const ids = []
    for (const [actor, type] of steps) {
      const answer = await actor.rest.put(path, { type })
      expect(answer).toMatchObject({ status: 200, body: EVENT })
      ids.push(answer.body.event_id)
      expect(await friendsOf(bob)).toEqual(type === 'accept' ? [{ address: alice.address }] : [])
    }
    expect(new Set(ids).size).toBe(steps.length)
  })

  it('has a message only in its request', async () => {
    const path = statePath(alice.address, bob.address, 'v3')
    await bob.rest.put(path, { type: 'request', message: '\u202eHi\0' })
    const [request] = (await alice.rest.get('/v1/friendships/me/requests')).body.incoming
    expect(request).toMatchObject({ address: bob.address, message: '\u202eHi\0' })
    expect(await alice.rest.put(path, { type: 'reject', message: 'No'.repeat(2000) })).toMatchObject({ status: 200 })
  })

  it('shows everybody the same text for half of a character, which no encoding has', async () => {
    const [dave, erin] = [await rest.login(), await env.login()]
    const inbox = await env.updates(erin)
    const send = () => dave.rest.put(statePath(dave.address, erin.address), { type: 'request', message: 'H\ud83di' })
    const { body } = await send()
    expect((await inbox.next()).request?.message).toBe('H\ufffdi')
    expect(await send()).toMatchObject({ status: 200, body })
  })

  it('is pushed to the other device at once, like every other change', async () => {
    const [dave, erin] = [await rest.login(), await env.login()]
    const inbox = await env.updates(erin)
    await act(dave, erin, 'request', 'Hello')
    expect((await inbox.next()).request).toMatchObject({ user: { address: dave.address }, message: 'Hello' })
  })
})

describe('the same event, sent again at once', () => {
  beforeAll(two)

  it('has the same id', async () => {
    const path = statePath(alice.address, bob.address)
    const send = async () => (await alice.rest.put(path, { type: 'request', message: 'Hi' })).body
    const first = await send()
    expect(first).toEqual(EVENT)
    expect(await Promise.all([send(), send(), send()])).toEqual([first, first, first])
  })
})

describe('the same content, put again', () => {
  afterAll(() => {
    passed = 0
  })

  it.each(SEQUENCES)('$title', async sequence => {
    passed = 0
    await two()
    const path = statePath(alice.address, bob.address)
    const pass = (ms: number): void => {
      passed += ms
    }
    await expectSequence(sequence, { alice, bob, path, userId: ({ address }) => `@${address}:localhost`, pass })
  })
})

describe('the path', () => {
  beforeAll(two)

  it('names the room in any order, letter case and encoding', async () => {
    const [a, b] = [alice.address, bob.address]
    const suffix = '/state/org.decentraland.friendship'
    const rooms = [`%23${b}+${a}:localhost`, `%23${upper(a)}+${b}:localhost`, `%23${a}%2B${upper(b)}%3Alocalhost`]
    for (const [index, room] of rooms.entries()) {
      const type = index % 2 ? 'cancel' : 'request'
      const answer = await alice.rest.put(`/_matrix/client/r0/rooms/${room}${suffix}`, { type })
      expect(answer).toMatchObject({ status: 200, body: EVENT })
    }
    await act(alice, bob, 'cancel')
  })

  it('has no state key, an empty one, or that of the one who acts', async () => {
    const path = statePath(alice.address, bob.address)
    const own = [`@${alice.address}:localhost`, `@${upper(alice.address)}:localhost`].map(encodeURIComponent)
    for (const [index, key] of ['', '/', `/${own[0]}`, `/${own[1]}`].entries()) {
      const answer = await alice.rest.put(path + key, { type: index % 2 ? 'cancel' : 'request' })
      expect(answer).toMatchObject({ status: 200, body: EVENT })
    }
  })

  it('may hold the token', async () => {
    const path = `${statePath(alice.address, bob.address)}?access_token=${alice.rest.token}`
    expect((await rest.put(path, { type: 'request' })).status).toBe(200)
    await act(alice, bob, 'cancel')
  })
})

describe('the state event is refused', () => {
  beforeAll(two)
  const unchanged = async () =>
    expect((await bob.rest.get('/v1/friendships/me/requests')).body).toEqual({ incoming: [], outgoing: [] })

  it.each<[string, string]>([
    ['of somebody else', '@0x1111111111111111111111111111111111111111:localhost'],
    ['of another server', '@ALICE:example.org'],
    ['that is an address', 'ALICE'],
    ['of any kind', 'key']
  ])('with a state key %s', async (_, key) => {
    const path = `${statePath(alice.address, bob.address)}/${encodeURIComponent(key.replace('ALICE', alice.address))}`
    expect(await alice.rest.put(path, { type: 'request' })).toMatchObject({
      status: 403,
      body: { errcode: 'M_FORBIDDEN', error: expect.any(String) }
    })
    await unchanged()
  })

  it.each<[string, (a: string, b: string) => string]>([
    ['by its id', () => '!abc:localhost'],
    ['of another server', (a, b) => `#${a}+${b}:example.org`],
    ['of three', (a, b) => `#${a}+${b}+${b}:localhost`],
    ['of one', a => `#${a}:localhost`],
    ['with oneself', a => `#${a}+${a}:localhost`],
    ['with oneself in another letter case', a => `#${a}+${upper(a)}:localhost`],
    ['of 41 digits', (a, b) => `#${a}+${b}0:localhost`],
    ['with a NUL', (a, b) => `#${a}+${b}\0:localhost`],
    ['with a space for a plus', (a, b) => `#${a} ${b}:localhost`],
    ['without a mark', (a, b) => `${a}+${b}:localhost`],
    ['of no name', () => '#:localhost']
  ])('in a room %s', async (_, room) => {
    const id = encodeURIComponent(room(alice.address, bob.address))
    const path = `/_matrix/client/r0/rooms/${id}/state/org.decentraland.friendship`
    expect(await alice.rest.put(path, { type: 'request' })).toMatchObject({
      status: 404,
      body: { errcode: 'M_NOT_FOUND', error: 'There is no such room' }
    })
    await unchanged()
  })

  it('in a room of two others', async () => {
    const carol = await rest.login()
    const answer = await carol.rest.put(statePath(alice.address, bob.address), { type: 'request' })
    expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    await unchanged()
  })

  it.each<[string, unknown, string]>([
    ['no type', {}, 'M_MISSING_PARAM'],
    ['an unknown type', { type: 'befriend' }, 'M_BAD_JSON'],
    ['a block', { type: 'block' }, 'M_BAD_JSON'],
    ['a type in upper case', { type: 'REQUEST' }, 'M_BAD_JSON'],
    ['a number as message', { type: 'request', message: 5 }, 'M_BAD_JSON'],
    ['null as message', { type: 'request', message: null }, 'M_BAD_JSON'],
    ['a message of 2,001 characters', { type: 'request', message: '😀'.repeat(2001) }, 'M_BAD_JSON'],
    ['a list', [], 'M_BAD_JSON'],
    ['nothing', null, 'M_NOT_JSON']
  ])('with a body of %s', async (_, body, errcode) => {
    const answer = await alice.rest.put(statePath(alice.address, bob.address), body)
    expect(answer).toMatchObject({ status: 400, body: { errcode, error: expect.any(String) } })
    await unchanged()
  })

  it('when it cannot follow', async () => {
    const path = statePath(alice.address, bob.address)
    const invalid = (error: string) => ({ status: 400, body: { errcode: 'M_BAD_STATE', error } })
    for (const type of ['accept', 'reject', 'cancel', 'delete']) {
      const answer = await alice.rest.put(path, { type })
      expect(answer).toMatchObject(invalid('Invalid friendship event update transition'))
    }
    await act(alice, bob, 'request')
    const answer = await alice.rest.put(path, { type: 'accept' })
    expect(answer).toMatchObject(invalid('Invalid acting user for friendship event update accept'))
    await act(alice, bob, 'cancel')
    await unchanged()
  })

  it('for a request too many', async () => {
    const users = await Promise.all(Array.from({ length: 5 }, () => rest.login()))
    const [sender, ...others] = users as [LoggedIn, ...LoggedIn[]]
    const answers = []
    for (const other of others) {
      answers.push(await sender.rest.put(statePath(sender.address, other.address), { type: 'request' }))
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(answers[3]?.body).toEqual({ errcode: 'M_LIMIT_EXCEEDED', error: expect.any(String) })
  })

  it('without a token', async () => {
    const path = statePath(alice.address, bob.address)
    const missing = { status: 401, body: { errcode: 'M_MISSING_TOKEN' } }
    expect(await rest.put(path, { type: 'request' })).toMatchObject(missing)
    const unknown = { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN' } }
    expect(await rest.as('made-up').put(path, { type: 'request' })).toMatchObject(unknown)
  })
})

it('other routes of rooms are not there', async () => {
  const user = await rest.login()
  const room = '/_matrix/client/r0/rooms/%21abc%3Alocalhost'
  for (const path of [
    `${room}/state/m.room.member/x`,
    `${room}/state/org.decentraland.friendships`,
    `${room}/send/a/b`
  ]) {
    expect(await user.rest.put(path, {})).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } })
  }
})
