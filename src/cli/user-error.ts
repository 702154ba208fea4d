import { ConfigError } from '../config/config.ts'
import { SocialError } from '../domain/errors.ts'
import { DataDirError, DataInUseError } from '../storage/db/data-lock.ts'
import { HostsError } from '../storage/db/hosts.ts'
import { SchemaError } from '../storage/db/migrator.ts'
import { databaseReason, listenReason } from './reasons.ts'

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

/** SQLSTATEs of a server that cannot be used as it is: no right, no schema, read-only, no room. */
const UNUSABLE = new Set(['42501', '3F000', '25006', '53100'])

function userMessageOf(error: unknown): string | null {
  for (const kind of [UserError, ConfigError, DataInUseError, DataDirError, HostsError, SchemaError]) {
    if (error instanceof kind) return error.message
  }
  const { code } = error as { code?: unknown }
  if (error instanceof SocialError || UNUSABLE.has(String(code))) return databaseReason(error)
  return listenReason(error)
}
