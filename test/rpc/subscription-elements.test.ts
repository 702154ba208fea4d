import { expect, it } from 'vitest'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
import type { Call } from '../../src/rpc/engine/service.ts'
import { SubscriptionElements } from '../../src/rpc/subscription-elements.ts'

const OVER = { done: true, value: undefined }
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A subscription that the test opens and fills. */
function start(respond: (event: string) => string | Promise<string> = event => event) {
  const log: string[] = []
  const events = new BoundedQueue<string>({ limit: 10, onEnd: () => log.push('ended') })
  let open = (_error?: Error): void => undefined
  const kind = {
    open: async (payload: Uint8Array) => {
      log.push(`opening for ${payload}`)
      await new Promise<void>((resolve, reject) => {
        open = error => (error ? reject(error) : resolve())
      })
      return { events, respond }
    },
    encode: (response: string) => Buffer.from(response),
    refuse: (error: unknown) => Buffer.from(`refused: ${(error as Error).message}`)
  }
  const elements = new SubscriptionElements(kind, Buffer.from('alice'), {} as Call<unknown>)
  const next = async () => String((await elements.next()).value)
  return { elements, events, log, next, open: (error?: Error) => open(error) }
}

it('says that it is ready when it is open and something has happened, and not before', async () => {
  const { elements, events, log, next, open } = start()
  elements.whenReady(() => log.push('ready'))
  open()
  await turn()
  expect(log).toEqual(['opening for alice'])
  events.push('one')
  events.push('two')
  expect(log).toEqual(['opening for alice', 'ready'])
  expect([await next(), await next()]).toEqual(['one', 'two'])
  elements.whenReady(() => log.push('ready again'))
  expect(log).toHaveLength(2)
  events.end()
  expect([log.at(-2), await elements.next(), await elements.next()]).toEqual(['ready again', OVER, OVER])
})

it('can be asked for the next element at any time', async () => {
  const { events, next, open } = start(async event => event.toUpperCase())
  const first = next()
  open()
  await turn()
  events.push('one')
  expect(await first).toBe('ONE')
})

it('that cannot be opened is ready, and refused by its only element', async () => {
  const { elements, log, next, open } = start()
  elements.whenReady(() => log.push('ready'))
  open(new Error('away'))
  await turn()
  expect([log.at(-1), await next(), await elements.next()]).toEqual(['ready', 'refused: away', OVER])
  await elements.return()
})

it('ends what it has opened when an event cannot be told, or the session is over', async () => {
  const failing = start(() => {
    throw new Error('broken')
  })
  const first = failing.next()
  failing.open()
  await turn()
  failing.events.push('one')
  expect([await first, failing.log.at(-1), await failing.elements.next()]).toEqual(['refused: broken', 'ended', OVER])

  const over = start()
  over.elements.whenReady(() => over.log.push('ready'))
  over.open()
  await turn()
  over.events.end(new Error('over'))
  expect([await over.next(), await over.elements.next()]).toEqual(['refused: over', OVER])
})

it('that is left while it is opened, or while an event is told, is over when nothing is done for it any more', async () => {
  const { elements, events, log, open } = start()
  elements.whenReady(() => undefined)
  const returned = elements.return().then(() => log.push('returned'))
  await turn()
  expect([log, events.isEnded]).toEqual([['opening for alice'], false])
  open()
  await returned
  expect(log).toEqual(['opening for alice', 'ended', 'returned'])
  expect(await elements.next()).toEqual(OVER)

  let told = (_: string): void => undefined
  const slow = start(() => new Promise(resolve => (told = resolve)))
  const next = slow.next()
  slow.open()
  await turn()
  slow.events.push('one')
  await turn()
  const left = slow.elements.return().then(() => slow.log.push('returned'))
  await turn()
  expect(slow.log.at(-1)).toBe('ended')
  told('one')
  await Promise.all([next, left])
  expect(slow.log.at(-1)).toBe('returned')
})
