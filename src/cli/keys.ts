import { type ApiKey, keyIdOf, SCOPES } from '../domain/api-key.ts'
import { SocialError } from '../domain/errors.ts'
import { ApiKeys } from '../sessions/api-keys.ts'
import { ApiKeyStore } from '../storage/api-keys.ts'
import { migrate } from '../storage/db/migrator.ts'
import { MIGRATIONS } from '../storage/migrations/index.ts'
import type { Command } from './arguments.ts'
import { withDatabase } from './database-command.ts'
import { printTable } from './table.ts'
import { UserError } from './user-error.ts'

/** What is done to the API keys of other services, at once for every instance of the service. */
export const KEY_COMMANDS = {
  'keys create': {
    summary: `Makes an API key for another service, and prints it once; scopes: ${SCOPES.join(', ')}`,
    parameters: ['--name <text>', '--scope <scope>[,<scope>…]'],
    run: (_, { name = '', scope = '' }) => withKeys(keys => create(keys, name, scope))
  },
  'keys list': { summary: 'Lists the API keys of other services, without their secrets', run: () => withKeys(list) },
  'keys revoke': {
    summary: 'Ends an API key: it is refused from the next request on',
    parameters: ['<id>'],
    run: (_, { id = '' }) => withKeys(keys => revoke(keys, id))
  }
} satisfies Record<string, Command>

function withKeys(work: (keys: ApiKeys) => Promise<void>): Promise<number> {
  return withDatabase(async db => {
    // A key may be made before the service runs for the first time.
    await migrate(db, MIGRATIONS)
    await work(new ApiKeys({ store: new ApiKeyStore(db), onError: () => {} }))
  })
}

async function create(keys: ApiKeys, name: string, scope: string): Promise<void> {
  const scopes = scope.split(',').flatMap(each => each.trim() || [])
  const { id, text } = await keys.create(name, scopes).catch(asUserError)
  // Alone on standard output, so that a script can put it where it belongs.
  console.log(text)
  console.error(
    [
      '',
      'It is shown this once: give it to the service, which sends it with each request,',
      '  Authorization: Bearer <key>',
      `and to nobody else. "social-service keys revoke ${id}" ends it.`
    ].join('\n')
  )
}

async function list(keys: ApiKeys): Promise<void> {
  const all = await keys.list()
  if (all.length === 0) console.log('There are no keys.')
  else printTable([['ID', 'NAME', 'SCOPES', 'MADE', 'LAST USED'], ...all.map(rowOf)])
}

/** @param text an id, or a whole key, as somebody has it who found one where it should not be */
async function revoke(keys: ApiKeys, text: string): Promise<void> {
  const id = keyIdOf(text) ?? text
  const key = await keys.revoke(id)
  if (key === null) throw new UserError(`There is no key ${JSON.stringify(id)}: "social-service keys list" has all.`)
  console.log(`Revoked: ${key.id}, ${key.name}.`)
}

function rowOf({ id, name, scopes, createdAt, lastUsedAt }: ApiKey): string[] {
  return [id, name, scopes.join(','), minuteOf(createdAt), lastUsedAt === null ? 'never' : minuteOf(lastUsedAt)]
}

/** Such as `2026-08-01 12:30 UTC`. */
function minuteOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** What is wrong with a name or a scope is for the person who gave it; all else is of the database. */
function asUserError(error: unknown): never {
  const isTheirs = error instanceof SocialError && ['invalid_request', 'too_many_requests'].includes(error.code)
  throw isTheirs ? new UserError(`${error.message}.`) : error
}
