/**
 * Carries an attack out and says how it ended. Attacks that leave the connection tidy share one; the others have their
 * own. An attacker with nothing more to say ends its half, unless the point is that it does not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from './attack.ts'
import type { Outcome } from './judge.ts'
import { type Door, Line, type Reach } from './line.ts'

/** The longest that the server may take over anything, its own timeouts included; beyond it hangs. */
const LONG_MS = 20_000
/** How long an attacker who cannot know whether an answer is due waits for one. */
const SHORT_MS = 250
/** A server that caps handshakes may drop a connection; knocking again must help. */
const KNOCKS = 40

export class Attacker {
  readonly #door: Door
  #line: Line | undefined
  /** Connections that the server dropped before TLS was up. */
  dropped = 0
  connections = 0

  constructor(door: Door) {
    this.#door = door
  }

  async carryOut(attack: Attack): Promise<Outcome> {
    const kept = attack.tidy === true ? this.#line : undefined
    if (kept !== undefined) {
      const outcome = await this.#carryOutOn(kept, attack)
      // The server may close a connection that has been idle, and the request meets that: only then it is sent again.
      if (outcome.received !== '' || !kept.closed) return outcome
    }
    const line = await this.#open(reachOf(attack))
    if (attack.tidy === true) this.#line = line
    return this.#carryOutOn(line, attack)
  }

  close(): void {
    this.#line?.destroy()
    this.#line = undefined
  }

  async #carryOutOn(line: Line, attack: Attack): Promise<Outcome> {
    line.begin(attack.head === true)
    if (attack.deaf === true) line.deaf(true)
    await this.#takeSteps(line, attack)
    if (attack.deaf === true) line.deaf(false)
    const inTime = await this.#settle(line, attack)
    const { reader, received, malformed } = line
    if (!(attack.tidy === true && inTime && !line.closed && !reader.closing && malformed === undefined)) {
      line.destroy()
      if (this.#line === line) this.#line = undefined
    }
    const ended = inTime ? 'closed' : 'timeout'
    return { reader, received, ended, ...(malformed === undefined ? {} : { malformed }) }
  }

  async #open(reach: Reach): Promise<Line> {
    for (let knock = 1; ; knock++) {
      try {
        this.connections++
        return await Line.open(this.#door, reach)
      } catch (error) {
        this.dropped++
        if (knock === KNOCKS) throw new Error(`no connection in ${KNOCKS} tries`, { cause: error })
        await sleep(50)
      }
    }
  }

  async #takeSteps(line: Line, attack: Attack): Promise<void> {
    const last = attack.steps.length - 1
    for (const [index, step] of attack.steps.entries()) {
      if (line.closed) return
      if (step === 'half-close') line.halfClose()
      else if (step === 'reset') line.reset()
      else if (step === 'answer') await line.until(line.reader.answers.length + 1, SHORT_MS)
      else if (typeof step === 'number') await sleep(step)
      else if (attack.below === 'records' && index === last) line.sendBelow(step)
      else line.send(step)
    }
  }

  /** Waits for what is due; false if it never came. */
  async #settle(line: Line, attack: Attack): Promise<boolean> {
    if (attack.stalls === true) return line.until(Number.POSITIVE_INFINITY, LONG_MS)
    const due = attack.tidy === true || attack.expect !== undefined
    const answered = await line.until(attack.answers, due ? LONG_MS : SHORT_MS)
    if (attack.tidy === true) return answered
    line.halfClose()
    return (await line.until(Number.POSITIVE_INFINITY, LONG_MS)) && (answered || !due)
  }
}

function reachOf({ below, steps }: Attack): Reach {
  if (below === 'tcp') return 'tcp'
  return below === 'records' || steps.includes('reset') ? 'tls and tcp' : 'tls'
}
