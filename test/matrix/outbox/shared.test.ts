import { expect, test } from 'vitest'
import { postgresUrl } from '../../env/databases.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { newAddress } from '../homeserver.ts'
import { counted, OutboxEnv } from './outbox-env.ts'

describeWithSynapse('an outbox that is shared', () => {
  test.skipIf(postgresUrl === null)('by two workers brings 200 pairs in step, nothing twice', async () => {
    await using env = await OutboxEnv.open(await sharedSynapse())
    // Everybody of the one side meets everybody of the other, so that every m.direct is under dispute.
    const [left, right] = [Array.from({ length: 10 }, newAddress), Array.from({ length: 20 }, newAddress)]
    for (const asks of left) for (const asked of right) await env.act(asks, 'request', asked, 'Hi')
    for (const asks of left) for (const asked of right.slice(0, 6)) await env.act(asked, 'accept', asks)
    const workers = await Promise.all([env.work(), env.work({ isOther: true })])
    await env.settled(120_000)
    expect(await env.differences()).toEqual([])
    const name = 'dcl_social_service_matrix_outbox_attempts_total'
    const done = await Promise.all(workers.map(worker => counted(worker, name, { outcome: 'done' })))
    expect(done[0]! + done[1]!).toBe(260)
    expect(Math.min(...done)).toBeGreaterThan(0)
  })
})
