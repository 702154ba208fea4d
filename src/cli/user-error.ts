import { ConfigError } from '../config/config.ts'
import { SocialError } from '../domain/errors.ts'
import { DataInUseError } from '../storage/db/data-lock.ts'
import { SchemaError } from '../storage/db/migrator.ts'

/** What went wrong, in words that tell whoever gave the command what to do. */
export class UserError extends Error {
  override readonly name = 'Advice'
}

/**
 * Does work that may fail for a reason that whoever gave the command can mend, and then tells them what it is.
 * @returns what the work returns, or null when it failed in such a way
 * @throws what nobody foresaw
 */
export async function reportUserError<Result>(work: () => Promise<Result>): Promise<Result | null> {
  try {
    return await work()
  } catch (error) {
    const advice = adviceOn(error)
    if (advice === null) throw error
    console.error(advice)
    return null
  }
}

function adviceOn(error: unknown): string | null {
  for (const kind of [UserError, ConfigError, DataInUseError, SchemaError]) {
    if (error instanceof kind) return error.message
  }
  if (error instanceof SocialError) return 'The database cannot be reached: is it running, and is DATABASE_URL right?'
  const { code, port } = error as { code?: unknown; port?: unknown }
  if (code === 'EADDRINUSE') return `Port ${port} is in use: stop what listens there, or set HTTP_PORT or RPC_PORT.`
  return null
}
