/** What a history holds: a verdict on one that tried nothing, or never looked again, would prove nothing. */
import { type History, type Operation, operationsOf } from './events.ts'
import { isDefinite, meaningOf } from './meaning.ts'

export interface Tally {
  readonly operations: number
  /** Answered with what happened. */
  readonly definite: number
  readonly unconfirmed: number
  /** Answered as certainly not done. */
  readonly refused: number
  /** 204, in final stores. */
  readonly ends: number
  /** The fewest definite reads or writes that any datacenter was asked for after any of those ends. */
  readonly looksAfterEnds: number
  readonly pending: number
  readonly taken: number
  /** Conditional writes that won or failed. */
  readonly conditional: number
}

export function tally(history: History): Tally {
  const { datacenters, stores } = history.header
  const operations = operationsOf(history)
  const byKey = Map.groupBy(operations, ({ store, key }) => `${store}/${key}`)
  const meaning = (each: Operation) => meaningOf(each, stores[each.store]!)
  const count = (is: (each: Operation) => boolean) => operations.filter(is).length
  const isEnd = (each: Operation) => each.action.kind === 'end' && meaning(each) === 'done' && stores[each.store]!.final
  const ends = operations.filter(isEnd)
  const looks = ends.flatMap((end) => {
    const later = byKey.get(`${end.store}/${end.key}`)!.filter(({ began }) => began > end.ended)
    return datacenters.map((name) => {
      return later.filter((each) => each.dc === name && each.action.kind !== 'end' && isDefinite(each.told)).length
    })
  })
  return {
    operations: operations.length,
    definite: count(({ told }) => isDefinite(told)),
    unconfirmed: count((each) => meaning(each) === 'unknown'),
    refused: count((each) => meaning(each) === 'nothing'),
    ends: ends.length,
    looksAfterEnds: looks.length === 0 ? 0 : Math.min(...looks),
    pending: count((each) => meaning(each) === 'pending'),
    taken: count((each) => each.action.kind === 'take' && typeof meaning(each) === 'object'),
    conditional: count(({ action, told }) => action.kind === 'put' && action.only !== undefined && isDefinite(told)),
  }
}
