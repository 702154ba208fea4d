import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { Lookups } from '../../src/profiles/lookups.ts'
import type { Profile } from '../../src/profiles/profile.ts'
import { until } from '../env/until.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address

/** Lookups whose calls end when they are released. */
function open() {
  const asked: (readonly Address[])[] = []
  let release: () => void = () => undefined
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  const lookups = new Lookups({
    fetch: async addresses => {
      asked.push(addresses)
      await released
      return new Map<Address, Profile>()
    },
    callEnded: () => undefined,
    logger: createLogger({ level: 'silent', format: 'json' }),
    now: () => 0
  })
  return { lookups, asked, release: () => release() }
}

describe('lookups that are closed', () => {
  it('await the calls that are under way', async () => {
    const { lookups, asked, release } = open()
    const order: string[] = []
    const called = lookups.join(alice)?.done.then(() => order.push('called'))
    await until(() => asked.length === 1, 'the call is made')
    const closed = lookups.close().then(() => order.push('closed'))
    release()
    await Promise.all([called, closed])
    expect(order).toEqual(['called', 'closed'])
  })

  it('make no call any more, and end what waits for one', async () => {
    const { lookups, asked, release } = open()
    const waiting = lookups.join(alice)
    await lookups.close()
    await waiting?.done
    expect(lookups.join(bob)).toBeNull()
    release()
    expect(asked).toEqual([])
  })
})
