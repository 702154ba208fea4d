import { type Filtered, JsonScanner, type Visit } from './json-scanner.ts'

/** What is left of a document. */
export interface JsonFilter {
  /** Whether a value is filtered, by the keys that lead to it; an array is by its elements. */
  visit(path: readonly string[]): Visit
  /** After the member of the document that is called so, if there is one, everything passes unseen. */
  readonly last: string | null
  /** What stands in the place of a value; null takes an element out. */
  replace(text: Buffer, path: readonly string[]): Buffer | null | Promise<Buffer | null>
}

const COMMA = Buffer.from(',')
const NULL = Buffer.from('null')

/** The document as the filter leaves it, while it arrives. @throws Error for what is no JSON */
export async function* filterJson(document: AsyncIterable<Buffer>, filter: JsonFilter): AsyncGenerator<Buffer> {
  const scanner = new JsonScanner(path => filter.visit(path), filter.last)
  let isFirst = true
  for await (const chunk of document) {
    const parts: Buffer[] = []
    for (const piece of scanner.push(chunk)) {
      if (Buffer.isBuffer(piece)) {
        parts.push(piece)
        isFirst = true
        continue
      }
      const left = await replaced(piece, filter)
      if (!piece.isElement) {
        parts.push(left ?? NULL)
      } else if (left !== null) {
        if (!isFirst) parts.push(COMMA)
        parts.push(left)
        isFirst = false
      }
    }
    if (parts.length > 0) yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  }
}

function replaced({ text, path }: Filtered, filter: JsonFilter): ReturnType<JsonFilter['replace']> {
  return text === null ? null : filter.replace(text, path)
}
