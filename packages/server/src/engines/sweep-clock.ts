/**
 * The time by which an engine removes what has expired. A clock that is ahead hides records and markers, and they are back
 * once it is right; what was removed by it is gone, and without its marker an ended session could be written again. So
 * the wall clock is held against the monotonic one: if it jumps ahead, nothing is removed for an hour, in which somebody
 * may set it right. A start is taken for a jump, since it has no earlier reading: the clock may be wrong since the
 * machine came up, or since a moment ago, when another process that shares the storage saw it jump.
 *
 * It does not answer a clock that is wrong for longer, or that creeps. A machine that was suspended looks like a jump,
 * because the monotonic clock stood still; that, and a clock that was behind and is right now, only cost space for an hour.
 */

/** What is less is for the clock's daemon to smooth, and a record's life is not so exact. */
const JUMP_MS = 60_000
/** Longer than daemons wait at most between two looks at the right time; systemd-timesyncd does for 34 minutes. */
const HOLD_MS = 3_600_000

export interface Clocks {
  /** Unix ms; for tests that move the clock. */
  readonly now?: () => number
  /** Ms that have passed since any moment, however the clock was set; for tests that let time pass. */
  readonly monotonic?: () => number
  /** Told of each jump ahead, by how many ms. */
  readonly jumped?: (ms: number) => void
}

export class SweepClock {
  readonly #clocks: Required<Clocks>
  #ahead: number
  #holdUntil: number

  constructor({ now = Date.now, monotonic = () => performance.now(), jumped = () => {} }: Clocks) {
    this.#clocks = { now, monotonic, jumped }
    this.#ahead = now() - monotonic()
    this.#holdUntil = monotonic() + HOLD_MS
  }

  /** Unix ms, or `undefined`: nothing may be removed now. */
  read(): number | undefined {
    const { now, monotonic, jumped } = this.#clocks
    const [time, passed] = [now(), monotonic()]
    const jump = time - passed - this.#ahead
    this.#ahead += jump
    if (jump > JUMP_MS) {
      this.#holdUntil = passed + HOLD_MS
      jumped(jump)
    }
    return passed < this.#holdUntil ? undefined : time
  }
}
