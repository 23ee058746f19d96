/**
 * Timestamps of writes, in unix microseconds, as Cassandra resolves conflicts by them: the latest wins. They come from the
 * machine's clock and grow with every call in this process; a write that has seen what it replaces is never older than
 * that (`after`), so that an instance whose clock is behind cannot silently lose what it acknowledged.
 */
export class Stamps {
  #last = 0n

  /** Later than all before, and later than `seen`. */
  after(seen: bigint | null | undefined): bigint {
    let stamp = BigInt(Date.now()) * 1000n
    if (seen !== null && seen !== undefined && stamp <= seen) stamp = seen + 1n
    if (stamp <= this.#last) stamp = this.#last + 1n
    this.#last = stamp
    return stamp
  }
}
