import { beforeAll, expect, it } from 'vitest'
import { ATTACKS } from '../../bench/attack/attacks.ts'
import { runAttack } from '../../bench/attack/attempt.ts'
import { fill } from '../../bench/attack/world.ts'
import { Service } from '../../bench/processes.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { program } from '../env/program.ts'

const SECONDS = 2
/** What the service may grow by: a part for all, and one for each socket that one address is let in with. */
const GROWTH = 64e6 + 1_064 * 40e3

describeWithPostgres('under attack', () => {
  let databaseUrl: string
  let main: string
  beforeAll(async () => {
    ;[, main = ''] = await program()
    databaseUrl = await freshPostgres()
    const service = await Service.start({ databaseUrl, connections: 4, sockets: 0, program: main })
    await service[Symbol.asyncDispose]()
    await fill(databaseUrl)
  })

  it.each(ATTACKS.map(attack => [attack.title, attack] as const))(
    'the service stands, says that it lives, and serves everybody else while %s',
    async (_, attack) => {
      const result = await runAttack(attack, { databaseUrl, seconds: SECONDS, program: main })
      expect(result).toMatchObject({ begun: true, survived: true, unhealthy: 0, during: { failures: 0 } })
      expect(result.checks).toBeGreaterThan(0)
      expect(result.during.calls).toBeGreaterThan(0)
      expect(result.memoryMost - result.memoryBefore).toBeLessThan(GROWTH)
    }
  )
})
