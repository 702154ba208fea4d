import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Scope } from '../../src/domain/api-key.ts'
import { freshFolder } from './databases.ts'
import { program } from './program.ts'

/** What a command printed. */
interface Output {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs `social-service keys …` as the process of its own that it is.
 * @param settings environment variables, which name the database
 * @throws with `code`, `stdout` and `stderr`, unless it ends with 0
 */
export async function keysCommand(settings: Readonly<Record<string, string>>, ...args: string[]): Promise<Output> {
  await using folder = await freshFolder()
  const [file = '', ...rest] = await program()
  const env = { PATH: process.env['PATH'], ...settings }
  return await promisify(execFile)(file, [...rest, 'keys', ...args], { cwd: folder.path, env })
}

/** Makes a key by the command. */
export async function createKey(settings: Readonly<Record<string, string>>, ...scopes: Scope[]): Promise<string> {
  const { stdout } = await keysCommand(settings, 'create', '--name', 'a test', '--scope', scopes.join(','))
  return stdout.trim()
}
