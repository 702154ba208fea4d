import { readFileSync } from 'node:fs'
import dotenv from 'dotenv'

const MARK = '\uFEFF'

/** A file of settings that cannot be read as one; the message is a line about it. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError'
}

/**
 * The variables of a file such as `.env`, in UTF-8 or, with a byte order mark, in UTF-16, as editors of Windows write it.
 * @returns nothing when there is no such file
 * @throws EnvFileError
 */
export function readEnvFile(file: string): Readonly<Record<string, string>> {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return {}
    throw new EnvFileError(`${file} must be a file that can be read, but reading it failed with ${code}`)
  }
  const text = decode(bytes)
  if (text === null) throw new EnvFileError(`${file} must be text in UTF-8, but is not: save it as UTF-8`)
  const variables = dotenv.parse(text)
  const lost = lineWithoutEquals(text, variables)
  if (lost) throw new EnvFileError(`${file} must have lines such as ${lost.name}=value, but line ${lost.line} has no =`)
  return variables
}

/** Null when it is no text. */
function decode(bytes: Buffer): string | null {
  const [first, second] = bytes
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes)
    // UTF-16 without a mark is valid UTF-8, with a NUL beside every letter.
    return text.includes('\0') || text.includes(MARK) ? null : text
  } catch {
    return null
  }
}

/** What looks like a setting and is dropped in silence: its name alone, or with a space where the equals sign belongs. */
function lineWithoutEquals(
  text: string,
  variables: Readonly<Record<string, string>>
): { readonly name: string; readonly line: number } | null {
  const quoted = Object.values(variables).join('\n')
  for (const [index, line] of text.split(/\r\n?|\n/).entries()) {
    const name = /^\s*(?:export\s+)?([A-Z][A-Z\d]*(?:_[A-Z\d]+)+)(?:\s+[^\s=:].*|\s*)$/.exec(line)?.[1]
    if (name !== undefined && !(name in variables) && !quoted.includes(line)) return { name, line: index + 1 }
  }
  return null
}
