/** Numbers from 0 up to, but not including, one. */
export type Random = () => number

/** A sequence that a seed repeats (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const MAX_BYTES = 4_096
const MAX_CHANGES = 6
/** What parsers stumble over. */
const WORDS = [
  '\0',
  '\x7f',
  '%2f',
  '%00',
  '../',
  '\\ud800',
  '\uFEFF',
  '\u202e',
  '0x',
  'null',
  '[[',
  '{"',
  '":',
  '1e999',
  '"__proto__":1,'
]
const BYTES = WORDS.map(word => Buffer.from(word))

/** Another input, made of one or two that are known. */
export function mutated(known: readonly Buffer[], random: Random): Buffer {
  const below = (count: number): number => Math.floor(random() * count)
  const pick = <T>(items: readonly T[], otherwise: T): T => items[below(items.length)] ?? otherwise
  const EMPTY = Buffer.alloc(0)
  let input = pick(known, EMPTY)
  for (let left = 1 + below(MAX_CHANGES); left > 0; left--) {
    const at = below(input.length + 1)
    const end = Math.min(input.length, at + 1 + below(8))
    const other = pick(known, EMPTY)
    const start = below(other.length)
    const changes = [
      () => [input.subarray(0, at), Buffer.of(below(256)), input.subarray(at + 1)],
      () => [input.subarray(0, at), Buffer.of((input[at] ?? 0) ^ (1 << below(8))), input.subarray(at + 1)],
      () => [input.subarray(0, at), Buffer.of(below(256)), input.subarray(at)],
      () => [input.subarray(0, at), input.subarray(end)],
      () => [input.subarray(0, at)],
      () => [input.subarray(0, end), input.subarray(at)],
      () => [input.subarray(0, at), pick(BYTES, EMPTY), input.subarray(at)],
      () => [input.subarray(0, at), other.subarray(start, start + below(32)), input.subarray(at)],
      () => [input.subarray(0, at), other.subarray(start)]
    ]
    input = Buffer.concat(pick(changes, () => [input])()).subarray(0, MAX_BYTES)
  }
  return input
}
