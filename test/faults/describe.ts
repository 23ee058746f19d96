/** A key's history for a person: one line an operation, in the order of their beginnings, the marks among them. */
import type { Mark, Operation } from './events.ts'
import type { KeyHistory } from './views.ts'

/** `last`: the operation in question, alone; `all`: what had begun when it was answered, that one with an arrow. */
export function describe({ operations, marks, store, key, header }: KeyHistory, last: Operation) {
  const lines = [
    ...operations
      .filter(({ began }) => began <= last.ended)
      .map((each) => {
        return { at: each.began, text: `${each.id === last.id ? '->' : '  '} ${lineOf(each)}` }
      }),
    ...marks.filter(({ at }) => at <= last.ended).map((mark) => ({ at: mark.at, text: `   ${markLine(mark)}` })),
  ].sort((a, b) => a.at - b.at)
  const title = `${store}/${key} ${JSON.stringify(header.stores[store])}`
  return { last: lineOf(last), all: [title, ...lines.map(({ text }) => text)].join('\n') }
}

const moment = (ms: number) => (Number.isFinite(ms) ? ms.toFixed(3) : 'never')

function lineOf({ id, began, ended, dc, instance, client, action, ttl, told }: Operation): string {
  const only = action.kind === 'put' && action.only !== undefined ? ` only over ${action.only}` : ''
  const what =
    action.kind === 'put' ? `put ${action.write}${only}${ttl === undefined ? '' : ` for ${ttl} s`}` : action.kind
  const answer =
    'lost' in told
      ? `lost: ${told.lost}`
      : [told.status, told.code, told.value].filter((part) => part !== undefined).join(' ')
  return `${id}: ${moment(began)} to ${moment(ended)}, ${client} at ${dc} ${instance}: ${what} -> ${answer}`
}

function markLine({ at, mark, what }: Mark): string {
  return `-- ${moment(at)}: ${mark}: ${what}`
}
