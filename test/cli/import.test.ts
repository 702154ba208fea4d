import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describeWithPostgres, freshFolder, freshPostgres } from '../env/databases.ts'
import { program } from '../env/program.ts'
import { PredecessorDatabase } from '../storage/import/predecessors.ts'
import { newUsers } from '../storage/stores.ts'

/** Runs the command in a folder without settings. */
async function importCommand(settings: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const [node = '', ...rest] = await program()
  await using folder = await freshFolder()
  return await promisify(execFile)(node, [...rest, 'import', ...args], { cwd: folder.path, env: { ...settings } })
}

describeWithPostgres('social-service import', () => {
  it('says first what it would do, and which rows it would leave out, and then does it', async () => {
    await using old = await PredecessorDatabase.create('rust-service', await freshPostgres())
    const [a, b] = newUsers(2).sort()
    await old.rustPair(a!, b!, true, [{ event: '"accept"', by: b!, at: 1_700_000_000_000 }])
    const bad = await old.rustPair('nobody', b!, true)
    const settings = { DATABASE_URL: await freshPostgres() }
    const dry = await importCommand(settings, 'rust-service', '--from', old.url, '--dry-run')
    expect(dry.stdout).toBe(`skipped friendships ${bad}: "nobody" is no address\n`)
    expect(dry.stderr).toContain('2 rows about 1 pairs were read; 1 pairs would be written')
    const { stdout, stderr } = await importCommand(settings, 'rust-service', '--from', old.url)
    expect(stdout).toBe(dry.stdout)
    expect(stderr).toContain(
      'Here are now 1 friendships, 0 requests and 0 blocks;\nthere are 1 friendships and 0 blocks.'
    )
    expect(stderr).toContain('1 pairs were compared with what was read: all are the same.')
  })

  it.each([
    [['rust-service'], 2, '--from <url> is missing'],
    [['rust-service', '--from', 'mysql://host/db'], 1, 'a URL that starts with postgres://'],
    [['rust-service', '--from', 'postgres://127.0.0.1:1/none'], 1, 'The database of --from cannot be read']
  ])('says what is wrong with %j', async (args, code, why) => {
    const settings = { DATABASE_URL: await freshPostgres() }
    await expect(importCommand(settings, ...args)).rejects.toMatchObject({ code, stderr: expect.stringContaining(why) })
  })

  it('says that a database is of another service', async () => {
    await using old = await PredecessorDatabase.create('social-service-ea', await freshPostgres())
    const settings = { DATABASE_URL: await freshPostgres() }
    await expect(importCommand(settings, 'rust-service', '--from', old.url)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is none of rust-service')
    })
  })
})
