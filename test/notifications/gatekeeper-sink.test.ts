import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatekeeperSink } from '../../src/notifications/gatekeeper-sink.ts'
import { SinkError } from '../../src/notifications/sink.ts'
import { paced } from '../env/pace.ts'
import { alice, requested, settingsOf } from './events.ts'
import { type Gatekeeper, startGatekeeper } from './gatekeeper-server.ts'

const TOKEN = 'aToken'
const onlyFriends = settingsOf({ privateMessages: 'only_friends' })
const patience = (): AbortSignal => AbortSignal.timeout(paced(30_000))

describe('the sink for comms-gatekeeper', () => {
  let gatekeeper: Gatekeeper
  let sink: GatekeeperSink

  beforeEach(async () => {
    gatekeeper = await startGatekeeper()
    sink = new GatekeeperSink({ url: gatekeeper.url, token: TOKEN, connections: 2 })
  })
  afterEach(async () => {
    await sink.close()
    await gatekeeper[Symbol.asyncDispose]()
  })

  const failure = async (signal = patience()): Promise<SinkError> => {
    const error = await sink.send(onlyFriends, signal).catch((thrown: unknown) => thrown)
    if (!(error instanceof SinkError)) throw new Error(`Not a SinkError: ${error}`)
    return error
  }

  it.each(['only_friends', 'all'] as const)('tells who may write to a user: %s', async privateMessages => {
    await sink.send(settingsOf({ privateMessages }), patience())
    expect(gatekeeper.received).toEqual([
      {
        line: `PATCH /users/${alice}/private-messages-privacy`,
        authorization: `Bearer ${TOKEN}`,
        type: 'application/json',
        body: `{"private_messages_privacy":"${privateMessages}"}`
      }
    ])
  })

  it('wants changes of that alone', () => {
    expect(sink.wants(onlyFriends)).toBe(true)
    expect(sink.wants(settingsOf({ privateMessages: 'all', friends: 'FRIENDS' }))).toBe(true)
    expect(sink.wants(settingsOf({ friends: 'FRIENDS', blockedMessages: 'hide' }))).toBe(false)
    expect(sink.wants(requested)).toBe(false)
  })

  it('takes it for done where the user is not in the room', async () => {
    gatekeeper.answer = { status: 400, body: { error: 'Participant is not connected to the room' } }
    await sink.send(onlyFriends, patience())
    expect(gatekeeper.received).toHaveLength(1)
  })

  it.each([
    [400, 'never'],
    [401, 'away'],
    [404, 'away'],
    [429, 'away'],
    [500, 'later'],
    [502, 'away']
  ])('tries again after an answer of %i: %s', async (status, retry) => {
    gatekeeper.answer = { status, body: { error: 'Invalid private_messages_privacy' } }
    expect(await failure()).toMatchObject({ retry, message: `comms-gatekeeper answers ${status}` })
    expect(gatekeeper.received).toHaveLength(1)
  })

  it('waits as long as it is told to', async () => {
    gatekeeper.answer = { status: 429, headers: { 'retry-after': '7' } }
    expect(await failure()).toMatchObject({ retry: 'away', retryAfterMs: 7_000 })
  })

  it('is away when nobody answers in time, or nobody listens', async () => {
    gatekeeper.answer = null
    expect(await failure(AbortSignal.timeout(50))).toMatchObject({ retry: 'away' })
    await gatekeeper[Symbol.asyncDispose]()
    expect(await failure()).toMatchObject({ retry: 'away', message: 'comms-gatekeeper does not answer: ECONNREFUSED' })
  })
})
