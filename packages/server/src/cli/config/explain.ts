/**
 * `holdfast config explain`: what a caller may do, and by which lines. It decides as the server does, grant by grant; a
 * test holds the two together. It speaks of the configuration alone: whether somebody can prove the name is not asked.
 */
import { styleText } from 'node:util'
import type { GrantRule } from '../../access/access.ts'
import { type Decision, OPERATIONS, type Operation } from '../../access/caller.ts'
import { problemWithName } from '../../access/names.ts'
import { Networks, problemWithNetwork } from '../../access/networks.ts'
import { loadPlaced } from '../../config/load.ts'
import { ConfigError, closest } from '../../config/problems.ts'
import { EXIT } from '../exit.ts'
import { table } from '../table.ts'

/** `from-some-networks`: no address was given, and it depends on it. */
interface Answer {
  readonly decision: Decision | 'from-some-networks'
  /** The networks that it depends on. */
  readonly networks?: readonly string[]
  /** Indexes of the grants that decide. */
  readonly grants: readonly number[]
}

/** What the grants say of one caller, store and operation; `from` is an address. */
export function decide(
  grants: readonly GrantRule[],
  asked: { readonly caller: string; readonly store: string; readonly operation: Operation; readonly from?: string },
): Answer {
  const { caller, store, operation, from } = asked
  const naming = grants.flatMap((grant, index) => {
    const names = grant.callers.includes(caller) && grant.stores.includes(store) && grant.operations.includes(operation)
    return names ? [{ index, networks: grant.networks }] : []
  })
  const indexes = (some: typeof naming) => some.map(({ index }) => index)
  if (naming.length === 0) return { decision: 'no-grant', grants: [] }
  const anywhere = naming.filter(({ networks }) => networks === undefined)
  if (from === undefined) {
    if (anywhere.length > 0) return { decision: 'allowed', grants: indexes(anywhere) }
    const networks = [...new Set(naming.flatMap((grant) => grant.networks ?? []))]
    return { decision: 'from-some-networks', networks, grants: indexes(naming) }
  }
  const here = naming.filter(({ networks }) => networks === undefined || new Networks(networks).hold(from))
  return here.length > 0
    ? { decision: 'allowed', grants: indexes(here) }
    : { decision: 'wrong-network', grants: indexes(naming) }
}

export interface ExplainOptions {
  readonly config: string
  readonly from?: string
  readonly json?: true
}

/** Exit code. */
export function explainCaller(caller: string, { config: file, from, json }: ExplainOptions): number {
  if (from !== undefined && (problemWithNetwork(from) !== undefined || from.includes('/'))) {
    throw new ConfigError([`--from ${JSON.stringify(from)}: not an address`])
  }
  const { config, place } = loadPlaced(file)
  demandKnown(caller, config.grants)
  const stores = config.stores.map(({ path }) => ({
    path,
    answers: OPERATIONS.map((operation) => {
      const asked = { caller, store: path, operation, ...(from !== undefined && { from }) }
      const { grants, ...answer } = decide(config.grants, asked)
      return { operation, ...answer, places: grants.map((index) => place(`grants[${index}]`)) }
    }),
  }))
  if (json) {
    const told = stores.map(({ path, answers }) => ({
      store: path,
      operations: Object.fromEntries(answers.map(({ operation, ...answer }) => [operation, answer])),
    }))
    process.stdout.write(`${JSON.stringify({ caller, ...(from !== undefined && { from }), stores: told }, null, 2)}\n`)
  } else {
    const rows = stores.map(({ path, answers }) => [
      path,
      ...answers.map(({ decision, networks, places }) => {
        const said = decision === 'from-some-networks' ? `allowed from ${networks!.join(', ')}` : decision
        return places.length > 0 ? `${said} (${places.join(', ')})` : said
      }),
    ])
    const text = table(['STORE', ...OPERATIONS.map((operation) => operation.toUpperCase())], rows)
    process.stdout.write(text.replace(/\ballowed\b/g, (word) => styleText('green', word)))
  }
  return EXIT.stopped
}

function demandKnown(caller: string, grants: readonly GrantRule[]): void {
  const problem = problemWithName(caller)
  const known = [...new Set(grants.flatMap(({ callers }) => callers))]
  if (known.includes(caller)) return
  const near = closest(caller, known)
  const lines = [
    `${JSON.stringify(caller)}: ${problem ?? 'no grant names this caller, so it may do nothing'}`,
    ...(near === undefined ? [] : [`did you mean ${near}?`]),
    `there are: ${known.join(', ')}`,
  ]
  throw new ConfigError([lines.join('\n  ')])
}
