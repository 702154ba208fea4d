import { ConfigError } from '../config/config.ts'
import { SocialError } from '../domain/errors.ts'
import { DataInUseError } from '../storage/db/data-lock.ts'
import { HostsError } from '../storage/db/hosts.ts'
import { SchemaError } from '../storage/db/migrator.ts'

/** What went wrong, in words that say what to do to the person who gave the command. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/**
 * Does work that may fail for a reason that the person who gave the command can remove, and then says what it is.
 * @returns what the work returns, or null when it failed in such a way
 * @throws what nobody foresaw
 */
export async function reportUserError<Result>(work: () => Promise<Result>): Promise<Result | null> {
  try {
    return await work()
  } catch (error) {
    const message = userMessageOf(error)
    if (message === null) throw error
    console.error(message)
    return null
  }
}

function userMessageOf(error: unknown): string | null {
  for (const kind of [UserError, ConfigError, DataInUseError, HostsError, SchemaError]) {
    if (error instanceof kind) return error.message
  }
  if (error instanceof SocialError) return 'The database cannot be reached: is it running, and is DATABASE_URL right?'
  const { code, port } = error as { code?: unknown; port?: unknown }
  if (code === 'EADDRINUSE') return `Port ${port} is in use: stop what listens there, or set HTTP_PORT or RPC_PORT.`
  return null
}
