/** What becomes of a value in a document: it passes, its members are looked at one by one, or it is filtered. */
export type Visit = 'pass' | 'enter' | 'filter'

/** A value that is filtered: an element of an array, or what is no array. */
export interface Filtered {
  /** The keys that lead to it, or to its array. */
  readonly path: readonly string[]
  /** Null when it is longer than anything that belongs there. */
  readonly text: Buffer | null
  readonly isElement: boolean
}

/** Longest value that is filtered, in bytes: an event has 64 kB, and some more by what the homeserver adds. */
const MAX_FILTERED_BYTES = 1024 * 1024
/** Longest key that is looked at, in bytes. */
const MAX_KEY_BYTES = 4_096

/** No byte up to this is anything but white space. */
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
/** A bracket with this bit is a brace. */
const BRACE_BIT = 0x20

/** So many bytes of a text are looked at one by one, which for a short text is faster than to search. */
const NEAR = 64

/** What comes next. */
type Place = 'value' | 'object' | 'key' | 'colon' | 'array' | 'passing' | 'filtering' | 'end'

/**
 * Goes through a JSON document as its parts arrive, and takes out what is to be filtered. What passes is looked at for
 * its end only, so that a large document costs little, and is nowhere in one piece.
 */
export class JsonScanner {
  readonly #visit: (path: readonly string[]) => Visit
  readonly #last: string | null
  readonly #path: string[] = []
  #place: Place = 'value'

  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  /** From where on the chunk passes; -1 while it does not. */
  #passesFrom = 0
  #pieces: (Buffer | Filtered)[] = []

  // Of the value that is gone over.
  #depth = 0
  #isScalar = false
  #isInText = false
  #isEscaped = false
  #isElement = false
  /** What was read of a key, or of a value that is filtered. */
  #held: Buffer[] = []
  #heldBytes = 0

  /**
   * @param visit is called for each value that is come upon, with the keys that lead to it
   * @param last after the member of the document that is called so, everything passes unseen
   */
  constructor(visit: (path: readonly string[]) => Visit, last: string | null) {
    this.#visit = visit
    this.#last = last
  }

  /** What the next part of the document comes to, in its order. @throws Error for what is no JSON */
  push(chunk: Buffer): (Buffer | Filtered)[] {
    this.#pieces = []
    this.#chunk = chunk
    this.#at = 0
    if (this.#passesFrom > 0) this.#passesFrom = 0
    while (this.#at < chunk.length) this.#step()
    this.#pass(chunk.length)
    return this.#pieces
  }

  #step(): void {
    const byte = this.#chunk[this.#at] ?? 0
    if (this.#place === 'passing') this.#overPassing()
    else if (this.#place === 'filtering') this.#overFiltered()
    else if (this.#place === 'key') this.#overKey()
    else if (this.#place === 'end') this.#at = this.#chunk.length
    else if (byte <= SPACE) this.#at += 1
    else if (this.#place === 'value') this.#beginValue(byte)
    else if (this.#place === 'array') this.#inArray(byte)
    else this.#inObject(byte)
  }

  #beginValue(byte: number): void {
    const visit = this.#visit(this.#path)
    if (visit === 'enter' && byte === OPEN_OBJECT) {
      this.#at += 1
      this.#place = 'object'
    } else if (visit === 'filter' && byte === OPEN_ARRAY) {
      this.#at += 1
      this.#stopPassing()
      this.#place = 'array'
    } else {
      if (visit === 'filter') this.#stopPassing()
      this.#begin(byte, visit === 'filter' ? 'filtering' : 'passing')
      this.#isElement = false
    }
  }

  #inObject(byte: number): void {
    this.#at += 1
    if (this.#place === 'colon' && byte === COLON) this.#place = 'value'
    else if (this.#place === 'object' && byte === QUOTE) this.#place = 'key'
    else if (this.#place === 'object' && byte === CLOSE_OBJECT) this.#endValue()
    else if (this.#place !== 'object' || byte !== COMMA) throw new Error('This is no JSON')
  }

  #inArray(byte: number): void {
    if (byte === COMMA) {
      this.#at += 1
    } else if (byte === CLOSE_ARRAY) {
      this.#passesFrom = this.#at
      this.#at += 1
      this.#endValue()
    } else {
      this.#begin(byte, 'filtering')
      this.#isElement = true
    }
  }

  #begin(byte: number, place: Place): void {
    this.#place = place
    this.#depth = 0
    this.#isScalar = byte !== QUOTE && (byte | BRACE_BIT) !== OPEN_OBJECT
  }

  #endValue(): void {
    const isLast = this.#path.length === 0 || (this.#path.length === 1 && this.#path[0] === this.#last)
    this.#place = isLast ? 'end' : 'object'
    this.#path.pop()
  }

  #overPassing(): void {
    if (this.#skipValue()) this.#endValue()
  }

  #overFiltered(): void {
    const start = this.#at
    const isOver = this.#skipValue()
    this.#hold(start, MAX_FILTERED_BYTES)
    if (!isOver) return
    const isLong = this.#heldBytes > MAX_FILTERED_BYTES
    const text = this.#release()
    this.#pieces.push({ path: [...this.#path], text: isLong ? null : text, isElement: this.#isElement })
    if (this.#isElement) {
      this.#place = 'array'
    } else {
      this.#passesFrom = this.#at
      this.#endValue()
    }
  }

  #overKey(): void {
    const start = this.#at
    this.#isInText = true
    this.#depth = 0
    const isOver = this.#skip()
    this.#hold(start, MAX_KEY_BYTES)
    if (this.#heldBytes > MAX_KEY_BYTES) throw new Error('This key is too long')
    if (!isOver) return
    this.#path.push(JSON.parse(`"${this.#release()}`) as string)
    this.#place = 'colon'
  }

  /** Goes on to the end of a value, or of the chunk. @returns whether the value is over */
  #skipValue(): boolean {
    return this.#isScalar ? this.#skipScalar() : this.#skip()
  }

  /** As {@link #skipValue}, for all that has an end of its own. */
  #skip(): boolean {
    const chunk = this.#chunk
    let at = this.#at
    let depth = this.#depth
    let isInText = this.#isInText
    let isEscaped = this.#isEscaped
    let isOver = false
    const { length } = chunk
    while (at < length && !isOver) {
      let byte = chunk[at] as number
      if (isInText && !isEscaped) {
        // Most of a document is text, and most of a text is nothing else.
        const near = Math.min(length, at + NEAR)
        while (byte !== QUOTE && byte !== BACKSLASH && ++at < near) byte = chunk[at] as number
        if (at >= near) {
          at = endOfPlainText(chunk, at)
          continue
        }
      }
      at += 1
      if (isEscaped) isEscaped = false
      else if (byte === QUOTE) {
        isInText = !isInText
        isOver = !isInText && depth === 0
      } else if (isInText) isEscaped = byte === BACKSLASH
      else if ((byte | BRACE_BIT) === OPEN_OBJECT) depth += 1
      else if ((byte | BRACE_BIT) === CLOSE_OBJECT) {
        depth -= 1
        isOver = depth === 0
      }
    }
    this.#at = at
    this.#depth = depth
    this.#isInText = isInText
    this.#isEscaped = isEscaped
    return isOver
  }

  #skipScalar(): boolean {
    for (; this.#at < this.#chunk.length; this.#at += 1) {
      const byte = this.#chunk[this.#at] ?? 0
      if (byte <= SPACE || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) return true
    }
    return false
  }

  #hold(start: number, max: number): void {
    this.#heldBytes += this.#at - start
    if (this.#heldBytes > max) this.#held = []
    else this.#held.push(this.#chunk.subarray(start, this.#at))
  }

  #release(): Buffer {
    const text = Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return text
  }

  #stopPassing(): void {
    this.#pass(this.#at)
    this.#passesFrom = -1
  }

  #pass(end: number): void {
    if (this.#passesFrom >= 0 && this.#passesFrom < end) this.#pieces.push(this.#chunk.subarray(this.#passesFrom, end))
  }
}

/** Where the next quote or backslash is, or the end of the chunk. */
function endOfPlainText(chunk: Buffer, from: number): number {
  const quote = chunk.indexOf(QUOTE, from)
  const text = chunk.subarray(from, quote < 0 ? chunk.length : quote)
  const backslash = text.indexOf(BACKSLASH)
  return from + (backslash < 0 ? text.length : backslash)
}
