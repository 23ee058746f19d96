/** What a run has seen so far: answers, faults, and the keys to look for when it is over. */
import type { Attack } from './attack.ts'
import { judge, type Outcome } from './judge.ts'

/** More faults than these are counted and not kept. */
const MOST_FAULTS = 200

export class Tally {
  readonly statuses = new Map<number, number>()
  readonly shapes = new Map<string, { made: number; unanswered: number }>()
  readonly forbidden: string[] = []
  readonly written: string[] = []
  readonly faults: string[] = []
  attacks = 0
  /** Attacks whose first answer was 503. */
  busy = 0
  /** Faults in all, kept or not. */
  faultCount = 0

  fault(what: string): void {
    if (++this.faultCount <= MOST_FAULTS) this.faults.push(what)
  }

  /** Judges one attack and remembers it. */
  take(id: number, attack: Attack, outcome: Outcome): void {
    this.attacks++
    for (const fault of judge(attack, id, outcome)) this.fault(`${attack.shape} ${id}: ${fault}`)
    const { answers } = outcome.reader
    for (const { status } of answers) this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    if (answers[0]?.status === 503) this.busy++
    const seen = this.shapes.get(attack.shape) ?? { made: 0, unanswered: 0 }
    seen.made++
    if (answers.length === 0) seen.unanswered++
    this.shapes.set(attack.shape, seen)
    this.forbidden.push(...(attack.forbidden ?? []))
    if (answers.length === attack.answers && answers.every(({ status }) => status === 201)) {
      this.written.push(...(attack.written ?? []))
    }
  }
}
