import { SocialClientTooManyRequestsError } from '@dcl/social-rpc-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { Env } from '../env/app.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { type LogReader, startWithLog } from './log-reader.ts'

/** Ways to write one address. */
function spellings(address: Address): Address[] {
  const digits = address.slice(2)
  const mixed = [...digits].map((digit, i) => (i % 2 ? digit : digit.toUpperCase())).join('')
  return [address, `0x${digits.toUpperCase()}`, `0X${digits.toUpperCase()}`, `0x${mixed}`] as Address[]
}

describeWithPostgres('One address in many spellings', () => {
  let env: Env
  let log: LogReader
  beforeAll(async () => {
    ;({ env, log } = await startWithLog({ MAX_PENDING_REQUESTS: '2' }))
  })
  afterAll(() => env.stop())

  test('is one user, one row, one limit and one receiver of updates', async () => {
    const [alice, bob, carol, dave] = [await env.login(), await env.login(), await env.login(), await env.login()]
    const devices = []
    for (const address of spellings(bob.address)) devices.push(await env.login({ ...bob, address }))
    const inboxes = []
    for (const device of devices) inboxes.push(await env.updates({ ...device, address: bob.address }))

    const names = spellings(bob.address)
    const asked = await Promise.all(names.map(name => alice.client.requestFriendship(name, 'hi')))
    for (const answer of asked) expect(answer).toEqual(asked[0])
    expect(asked[0]?.request?.user?.address).toBe(bob.address)
    expect([await log.count('pair'), await log.count('pair_event')]).toEqual([1, 1])
    for (const inbox of inboxes) expect((await inbox.next()).request?.user?.address).toBe(alice.address)

    // The spellings of two users fill the two places that there are.
    await Promise.all(spellings(carol.address).map(name => alice.client.requestFriendship(name)))
    for (const name of spellings(dave.address)) {
      await expect(alice.client.requestFriendship(name)).rejects.toThrow(SocialClientTooManyRequestsError)
    }
    await devices[1]!.client.acceptFriendshipRequest(spellings(alice.address)[3]!)
    expect(await log.count('pair')).toBe(2)
    expect(inboxes.flatMap(({ events }) => events)).toEqual([])
  })

  test('is refused as oneself in each of them, and leaves no row', async () => {
    const erin = await env.login()
    const rows = await log.count('pair')
    for (const name of spellings(erin.address)) {
      await expect(erin.client.requestFriendship(name)).rejects.toThrow('You cannot act upon yourself')
    }
    expect(await log.count('pair')).toBe(rows)
  })
})
