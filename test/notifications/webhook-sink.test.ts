import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EVENT_TYPES, type EventType } from '../../src/domain/event-types.ts'
import { DEFAULT_SETTINGS } from '../../src/domain/settings.ts'
import { type Notification, notificationOf } from '../../src/notifications/notification.ts'
import { SinkError } from '../../src/notifications/sink.ts'
import { WebhookSink } from '../../src/notifications/webhook-sink.ts'
import { paced } from '../env/pace.ts'
import { freePort } from '../env/ports.ts'
import { type Answer, newSecret, WebhookReceiver } from '../env/webhook-receiver.ts'
import { newUser } from '../storage/stores.ts'

const NO_STOP = new AbortController().signal
const AT = Date.UTC(2026, 0, 2, 3, 4, 5)
const request = (): Notification =>
  notificationOf({
    kind: 'pair',
    seq: 7,
    actor: newUser(),
    target: newUser(),
    action: 'request',
    previous: 'none',
    previousActor: null,
    message: 'Hi',
    at: AT
  })

describe('a webhook', () => {
  let receiver: WebhookReceiver
  beforeAll(async () => {
    receiver = await WebhookReceiver.start()
  })
  afterAll(() => receiver[Symbol.asyncDispose]())
  beforeEach(() => {
    receiver.answer = () => 204
    receiver.received.length = 0
    receiver.calls.length = 0
  })

  interface Own {
    readonly url?: string
    readonly secrets?: readonly string[]
    readonly events?: readonly EventType[]
    readonly timeoutMs?: number
  }
  const sinkTo = ({ url = receiver.url, secrets = [receiver.secret], events = EVENT_TYPES, timeoutMs }: Own = {}) =>
    new WebhookSink({ name: 'chat', url, secrets, events, timeoutMs: timeoutMs ?? paced(10_000), connections: 1 })
  const send = async (own?: Own, notification = request()): Promise<void> => {
    const sink = sinkTo(own)
    await sink.send(notification, NO_STOP).finally(() => sink.close())
  }
  const failure = (own?: Own): Promise<SinkError> =>
    send(own).then(
      () => Promise.reject(new Error('It was delivered')),
      (error: SinkError) => error
    )

  it('is signed, and says what happened when', async () => {
    const notification = request()
    await send({}, notification)
    expect(receiver.forged).toEqual([])
    const { seq, actor, target, message } = notification as Extract<Notification, { kind: 'friendship' }>
    expect(receiver.received).toEqual([
      {
        id: notification.id,
        type: 'friendship.requested',
        timestamp: '2026-01-02T03:04:05.000Z',
        data: { seq, actor, target, message },
        call: 0
      }
    ])
  })

  it('has an id that is the same at each attempt, and another one for another event of the same number', () => {
    const one = request()
    const event = { ...one, kind: 'pair', previous: 'none', previousActor: null } as Parameters<
      typeof notificationOf
    >[0]
    expect(notificationOf(event).id).toBe(one.id)
    expect(notificationOf({ ...event, at: AT + 1 }).id).not.toBe(one.id)
    const settings = { kind: 'settings', seq: 7, user: newUser(), settings: DEFAULT_SETTINGS, at: AT } as const
    expect(notificationOf({ ...settings, changed: ['friends'] }).id).not.toBe(one.id)
  })

  it('is signed with each of two secrets, so that the receiver may know either', async () => {
    for (const secrets of [
      [newSecret(), receiver.secret],
      [receiver.secret, newSecret()]
    ])
      await send({ secrets })
    expect(receiver.received).toHaveLength(2)
  })

  it('with another secret is no webhook of ours', async () => {
    expect(await failure({ secrets: [newSecret()] })).toMatchObject({
      retry: 'later',
      message: 'The webhook answers 401'
    })
    expect(receiver.forged.splice(0)).toHaveLength(1)
  })

  it('is wanted if it is of the events that were chosen', () => {
    const sink = sinkTo({ events: ['user.blocked'] })
    expect(sink.wants(request())).toBe(false)
    expect(sink.wants({ ...request(), action: 'block' } as Notification)).toBe(true)
  })

  it.each([200, 201, 204, 'endless'] as Answer[])('is delivered with the answer %s', async answer => {
    receiver.answer = () => answer
    await send()
    expect(receiver.received).toHaveLength(1)
  })

  it.each([301, 302, 304, 307, 308, 400, 401, 403, 404, 410, 413, 422])('is tried later after %i', async status => {
    receiver.answer = () => ({ status, headers: { location: receiver.url } })
    expect(await failure()).toMatchObject({ retry: 'later', retryAfterMs: null })
    // No redirect is followed.
    expect(receiver.calls).toHaveLength(1)
  })

  it.each([408, 425, 429, 500, 502, 503, 504, 599])('finds a receiver away that answers %i', async status => {
    receiver.answer = () => status
    expect(await failure()).toMatchObject({ retry: 'away', message: `The webhook answers ${status}` })
  })

  it.each(['cut', 'garbage'] as Answer[])('finds a receiver away that breaks off (%s)', async answer => {
    receiver.answer = () => answer
    const error = await failure()
    expect(error).toMatchObject({ retry: 'away', retryAfterMs: null })
    expect(error.message).toMatch(/^The webhook does not answer: [A-Za-z_]+$/)
  })

  it('finds a receiver away that does not answer in time, or where nobody is', async () => {
    receiver.answer = () => 'hang'
    expect(await failure({ timeoutMs: 50 })).toMatchObject({ message: 'The webhook does not answer: TIMEOUT' })
    const url = `http://127.0.0.1:${await freePort()}/hook?key=s3cr3t`
    const error = await failure({ url })
    expect(error).toMatchObject({ retry: 'away', message: 'The webhook does not answer: ECONNREFUSED' })
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain('s3cr3t')
  })

  it('finds a receiver away that answers one byte after another, without end', async () => {
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('x-more: 1\r\n'), 5)
      socket.on('close', () => clearInterval(timer))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const error = await failure({ url: `http://127.0.0.1:${port}/`, timeoutMs: 100 })
    expect(error).toMatchObject({ retry: 'away' })
    server.close()
  })

  it.each([
    ['7', 7_000],
    ['0', 0],
    ['86400', 3_600_000],
    ['soon', null],
    ['-5', null]
  ])('heeds Retry-After: %s, for an hour at most', async (header, retryAfterMs) => {
    receiver.answer = () => ({ status: 503, headers: { 'retry-after': header } })
    expect(await failure()).toMatchObject({ retry: 'away', retryAfterMs })
  })

  it('heeds a Retry-After with a date', async () => {
    const date = new Date(Date.now() + 600_000).toUTCString()
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': date } })
    const { retryAfterMs } = await failure()
    expect(retryAfterMs).toBeGreaterThan(500_000)
    expect(retryAfterMs).toBeLessThanOrEqual(600_000)
  })

  it('ends when it is told to', async () => {
    receiver.answer = () => 'hang'
    const sink = sinkTo()
    const stop = new AbortController()
    const sent = sink.send(request(), stop.signal)
    stop.abort()
    await expect(sent).rejects.toBeInstanceOf(SinkError)
    await sink.close()
  })
})
