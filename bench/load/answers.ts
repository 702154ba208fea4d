/** The first byte of an answer says which case it is: checks cost the load generator next to nothing. */
export function caseOf(example: { finish(): Uint8Array }): number {
  return example.finish()[0]!
}

/** @throws Error with the answer, when it is another case */
export function expectCase(answer: Uint8Array, wanted: number): void {
  if (answer[0] !== wanted)
    throw new Error(`An unexpected answer: ${JSON.stringify(Buffer.from(answer).toString('latin1'))}`)
}

/**
 * Checks answers that must hold a number of users: the first one is decoded, and all others must be as long as that,
 * as every address is.
 */
export class UserLists {
  readonly #count: (answer: Uint8Array) => number
  readonly #wanted: number
  #length = 0

  constructor(wanted: number, count: (answer: Uint8Array) => number) {
    this.#wanted = wanted
    this.#count = count
  }

  /** @param answers the parts of one list */
  check(answers: readonly Uint8Array[]): void {
    const length = answers.reduce((sum, answer) => sum + answer.length, 0)
    if (this.#length === 0) {
      const count = answers.reduce((sum, answer) => sum + this.#count(answer), 0)
      if (count !== this.#wanted) throw new Error(`${count} users came instead of ${this.#wanted}`)
      this.#length = length
    } else if (length !== this.#length) {
      throw new Error(`A list came with ${length} bytes instead of ${this.#length}`)
    }
  }
}
