import { expect, it } from 'vitest'
import { until } from '../../env/until.ts'
import { RealClient } from './clients.ts'
import { SECRET, upTo } from './echo-service.ts'
import { Engine } from './engine.ts'

const GOOD = JSON.stringify({ identity: 'good' })

it.each([
  ['v1', undefined],
  ['v2', GOOD]
])('the published client calls and streams: %s', async (_, opening) => {
  await using engine = await Engine.start()
  using client = await RealClient.open(engine.url, opening)
  expect(await client.call('Echo', Buffer.from('hello'))).toEqual(new Uint8Array(Buffer.from('hello')))
  // It takes an empty answer for none.
  expect(await client.call('Echo')).toBeUndefined()
  const elements: number[] = []
  for await (const element of await client.stream('Numbers', upTo(100))) elements.push(number(element))
  expect(elements).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  await until(() => engine.inside.finished === 1, 'the generator has ended')
  expect(engine.errors).toEqual([])
})

it('many calls and streams of one client go on at once', async () => {
  await using engine = await Engine.start()
  using client = await RealClient.open(engine.url)
  const sum = async (n: number): Promise<number> => {
    let total = 0
    for await (const element of await client.stream('Numbers', upTo(n))) total += number(element)
    return total
  }
  const sums = Promise.all(Array.from({ length: 20 }, (_, n) => sum(n)))
  const echoes = Promise.all(Array.from({ length: 50 }, (_, n) => client.call('Echo', Buffer.from([n]))))
  expect((await echoes).map(answer => answer?.[0])).toEqual(Array.from({ length: 50 }, (_, n) => n))
  expect(await sums).toEqual(Array.from({ length: 20 }, (_, n) => (n * (n + 1)) / 2))
})

it('a loop that is left ends the generator', async () => {
  await using engine = await Engine.start()
  using client = await RealClient.open(engine.url)
  for await (const element of await client.stream('Endless')) if (number(element) === 3) break
  await until(() => engine.inside.finished === 1, 'the generator has ended')
  // The one that the client asked for last, and one ahead.
  expect(engine.inside.asked).toBeLessThanOrEqual(5)
})

it('a socket that closes while a stream is idle ends the generator', async () => {
  await using engine = await Engine.start()
  using client = await RealClient.open(engine.url)
  const idle = await client.stream('Idle')
  idle.next().catch(() => {})
  await until(() => engine.inside.started === 1, 'the stream runs')
  client.socket.close()
  await until(() => engine.inside.finished === 1, 'the generator has ended')
})

it('a port that the client closes ends its streams', async () => {
  await using engine = await Engine.start()
  using client = await RealClient.open(engine.url)
  const idle = await client.stream('Idle')
  const element = idle.next()
  await until(() => engine.inside.started === 1, 'the stream runs')
  client.close()
  expect(await element).toEqual({ done: true, value: undefined })
  await until(() => engine.inside.finished === 1, 'the generator has ended')
})

it('the text of an error does not reach the client, and calls after it are answered', async () => {
  await using engine = await Engine.start()
  using client = await RealClient.open(engine.url)
  await expect(client.call('Throw')).rejects.toThrow(/^RemoteError: Internal error$/)
  await expect(client.stream('ThrowAtOnce')).rejects.toThrow(/^RemoteError: Internal error$/)
  const stream = await client.stream('ThrowLater')
  expect((await stream.next()).value).toEqual(new Uint8Array(Buffer.from('first')))
  await expect(stream.next()).rejects.toThrow(/^RemoteError: Internal error$/)
  expect(engine.errors).toEqual([new Error(SECRET), new Error(SECRET), new Error(SECRET)])
  await expect(client.call('Refuse')).rejects.toThrow(/^RemoteError: Not for you$/)
  expect(await client.call('Echo', Buffer.from('on'))).toEqual(new Uint8Array(Buffer.from('on')))
})

it('handshake and first frames back to back while the verification is slow are answered', async () => {
  await using engine = await Engine.start()
  let verified = (): void => {}
  engine.verification = new Promise(resolve => (verified = resolve))
  const opening = RealClient.open(engine.url, GOOD)
  await until(() => engine.handshakes === 1, 'the handshake is being verified')
  verified()
  using client = await opening
  expect(await client.call('Echo', Buffer.from('hello'))).toEqual(new Uint8Array(Buffer.from('hello')))
})

function number(element: Uint8Array): number {
  return Buffer.from(element).readUInt32LE()
}
