/**
 * Says whether a history can be that of a sound store, by the promises of Holdfast. It refuses a history in which
 *
 * - (a) a value is read after an acknowledged end (204), in any datacenter, or is accepted again in a final store;
 * - (b) an acknowledged write is gone although nothing ended, expired or overwrote it;
 * - (c) what was `logout-pending` is served again where it was taken, or anywhere after the network is whole and `healing`
 *   has passed; or what was typed as not done happened, or what was unconfirmed was seen and then was not;
 * - (d) a datacenter does not read its own writes;
 * - (e) no order of conditional writes and takes, within a datacenter or, where so declared, everywhere, explains the answers.
 *
 * All of these are one question to ../history/order.ts for each key and each view (views.ts): is there an order in which
 * every answer is right? What is asked besides, because a view does not show it: no value outlives its TTL; after an end of
 * a reusable store no datacenter serves what the one that ended it had seen; no answer is one that the operation cannot
 * have. The letter of a complaint is worked out afterwards, from the operation without which the history would pass: it
 * helps whoever reads, the verdict does not hang on it.
 *
 * Not checked: that a write which one datacenter acknowledged ever arrives in another (nobody promises it, except in
 * a global store); that reads of a global store agree across datacenters while a write is under way; which of concurrent writes wins; reusable stores' ends across datacenters beyond
 * the above; that a marker outlives its day; how long anything took; that what was answered `unavailable` need have been.
 *
 * 5,000 operations on 300 keys take about a second. What overlaps too much to be judged throws (`TooMuch`) and never passes.
 */
import { possibleStates, type Step } from '../history/order.ts'
import { describe } from './describe.ts'
import { type History, type Mark, type Operation, operationsOf } from './events.ts'
import { meaningOf } from './meaning.ts'
import { healedAfter, type KeyHistory, viewsOf } from './views.ts'

export interface Complaint {
  readonly rule: 'a' | 'b' | 'c' | 'd' | 'e' | 'answer' | 'expired'
  readonly store: string
  readonly key: string
  /** In one line. */
  readonly why: string
  /** All that happened to the key, a line each. */
  readonly story: string
}

/** One complaint at most for each key and view; none: it can have happened. */
export function judge(history: History): Complaint[] {
  const marks = history.events.filter((event): event is Mark => 'mark' in event)
  const keys = Map.groupBy(operationsOf(history), ({ store, key }) => `${store}/${key}`)
  return [...keys.values()].flatMap((operations) => {
    const { store, key } = operations[0]!
    return judgeKey({ header: history.header, store, key, operations, marks })
  })
}

function judgeKey(history: KeyHistory): Complaint[] {
  const plain = directly(history)
  if (plain !== undefined) return [plain]
  return viewsOf(history).flatMap(({ name, before, steps }, i) => {
    if (hasOrder(before, steps)) return []
    const last = firstWithoutOrder(history, i)
    const story = describe(history, last)
    return [
      {
        rule: ruleOf(history, last, name),
        ...named(history),
        why: `no order in ${name} explains ${story.last}`,
        story: story.all,
      },
    ]
  })
}

function hasOrder(before: string | number, steps: readonly Step<never>[] | readonly unknown[]): boolean {
  return possibleStates([before], steps as readonly Step<string | number>[], true).length > 0
}

const named = ({ store, key }: KeyHistory) => ({ store, key })

/** The operation whose answer made it impossible: with all that was answered before it, there still was an order. */
function firstWithoutOrder(history: KeyHistory, view: number): Operation {
  const answers = history.operations.filter(({ ended }) => Number.isFinite(ended)).sort((a, b) => a.ended - b.ended)
  let possible = 0
  let impossible = answers.length
  while (impossible - possible > 1) {
    const middle = (possible + impossible) >> 1
    const { before, steps } = viewsOf(until(history, answers[middle - 1]!))[view]!
    if (hasOrder(before, steps)) possible = middle
    else impossible = middle
  }
  return answers[impossible - 1]!
}

/** What was known when `last` was answered. */
export function until(history: KeyHistory, last: Operation): KeyHistory {
  const operations = history.operations
    .filter(({ began }) => began <= last.ended)
    .map((operation) => {
      if (operation.ended <= last.ended) return operation
      return { ...operation, ended: Number.POSITIVE_INFINITY, told: { lost: 'nothing yet' } }
    })
  return { ...history, operations, marks: history.marks.filter(({ at }) => at <= last.ended) }
}

/** What needs no search. */
function directly(history: KeyHistory): Complaint | undefined {
  const { header, operations } = history
  const rules = header.stores[history.store]!
  const writes = new Map(operations.map((each) => [each.action.kind === 'put' ? each.action.write : undefined, each]))
  const complain = (rule: Complaint['rule'], last: Operation, why: string): Complaint => {
    return { rule, ...named(history), why, story: describe(history, last).all }
  }
  for (const operation of operations) {
    const meaning = meaningOf(operation, rules)
    if (meaning === undefined) return complain('answer', operation, `${operation.action.kind} cannot be answered so`)
    if (typeof meaning !== 'object') continue
    const source = writes.get(meaning.value)
    if (source === undefined) return complain('answer', operation, `nobody wrote ${meaning.value} to this key`)
    const { ttl, ended } = source
    if (ttl !== undefined && operation.began > ended + ttl * 1000 + header.clocksApart) {
      return complain('expired', operation, `${meaning.value} was served after its ${ttl} s`)
    }
    const end = rules.final ? undefined : endBetween(history, source, operation)
    if (end !== undefined) return complain('a', operation, `${meaning.value} was served after its end (${end.id})`)
  }
  return undefined
}

/** In a reusable store: an end everywhere, by a datacenter that had the value, which was answered before this read began. */
function endBetween({ header, store, operations }: KeyHistory, source: Operation, read: Operation) {
  const { action } = source
  const rules = header.stores[store]!
  if (rules.logout === 'local' || action.kind !== 'put') return undefined
  const known = (dc: string, before: number) => {
    return operations.some((each) => {
      if (each.dc !== dc || each.ended >= before) return false
      const meaning = meaningOf(each, rules)
      return each === source ? meaning === 'written' : typeof meaning === 'object' && meaning.value === action.write
    })
  }
  return operations.find((each) => {
    const isEnd = each.action.kind === 'end' && meaningOf(each, rules) === 'done'
    return isEnd && each.ended < read.began && known(each.dc, each.began)
  })
}

function ruleOf(history: KeyHistory, last: Operation, view: string): Complaint['rule'] {
  const { header, operations } = history
  const rules = header.stores[history.store]!
  const meaning = meaningOf(last, rules)
  const value = typeof meaning === 'object' ? meaning.value : undefined
  const inView = (dc: string) => view === 'everywhere' || dc === view
  const before = operations.filter(({ ended }) => ended < last.began)
  const source = operations.find(({ action }) => action.kind === 'put' && action.write === value)
  if (source !== undefined && ['nothing', 'failed', 'ended'].includes(meaningOf(source, rules) as string)) return 'c'
  if (value !== undefined || meaning === 'written') {
    const ends = before.filter(({ action }) => action.kind === 'end')
    const isAcknowledged = (end: Operation) => {
      return meaningOf(end, rules) === 'done' && (inView(end.dc) || rules.logout === 'everywhere')
    }
    if (ends.some(isAcknowledged)) return 'a'
    const isDue = (end: Operation) => end.dc === last.dc || healedAfter(history, end.ended) < last.began
    if (ends.some((end) => meaningOf(end, rules) === 'pending' && isDue(end))) return 'c'
  }
  const { action } = last
  if (action.kind === 'take' || (action.kind === 'put' && action.only !== undefined)) return 'e'
  const isEnding = ({ action }: Operation) => action.kind === 'end' || action.kind === 'take'
  const isDenied = (each: Operation) => isEnding(each) && meaningOf(each, rules) === 'nothing'
  const isDoubtful = (each: Operation) => each.action.kind === 'end' && meaningOf(each, rules) === 'unknown'
  const wasOver = before.some((each) => inView(each.dc) && ['gone', 'ended'].includes(meaningOf(each, rules) as string))
  if (value === undefined && operations.some((each) => isDenied(each) && each.began < last.ended)) return 'c'
  if (value !== undefined && wasOver && operations.some(isDoubtful)) return 'c'
  const own = before.some((each) => each.dc === last.dc && meaningOf(each, rules) === 'written')
  return own && value !== undefined ? 'd' : 'b'
}
