/**
 * The seeded randomness of the fuzzer. One attack has one generator, made from the run's seed and the attack's number
 * alone, so that attack 73,412 of a run can be made again without making the 73,411 before it. Not for secrets.
 */

export class Random {
  #state: number

  constructor(seed: number, stream = 0) {
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(stream + 1, 0xc2b2ae35)) | 0
    for (let round = 0; round < 4; round++) this.#next()
  }

  /** mulberry32: 32 bits of state, passes gjrand; enough to choose among shapes. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + (this.#next() % (high - low + 1))
  }

  /** From 0 to 1, without 1. */
  fraction(): number {
    return this.#next() / 0x1_0000_0000
  }

  /** True in `share` (0 to 1) of all calls. */
  chance(share: number): boolean {
    return this.fraction() < share
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.#next() % choices.length] as T
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) bytes[at] = this.#next() & 0xff
    return bytes
  }

  /** The same letters in upper and lower case at random. */
  anyCase(text: string): string {
    return [...text].map((letter) => (this.chance(0.5) ? letter.toUpperCase() : letter.toLowerCase())).join('')
  }
}
