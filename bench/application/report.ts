/** The results of ./main.ts as a Markdown page. */
import { barTable, figure, othersLine, spread, table, whole } from '../report.ts'
import { type Bar, median, ratio } from '../statistics.ts'
import type { ClientRound } from './client.ts'

/** All rounds of one application or client. */
export interface Rounds {
  readonly name: string
  readonly rounds: readonly ClientRound[]
}

export interface Results {
  readonly quick: boolean
  readonly machine: readonly string[]
  /** Cores that other programs kept busy meanwhile, on the average. */
  readonly others: number
  readonly bars: readonly Bar[]
  readonly web: readonly Rounds[]
  readonly alone: readonly Rounds[]
  /** Its version. */
  readonly redis: string
  readonly plan: { readonly rounds: number; readonly seconds: number }
}

/** Every line's ratio is to the line named `base`. */
function costs(all: readonly Rounds[], what: string, base: string): string {
  const under = all.find(({ name }) => name === base)!
  const rows = all.map(({ name, rounds }) => [
    name,
    figure(median(rounds.map(({ cpu }) => cpu))),
    name === base ? '1' : spread(ratio(rounds, under.rounds, ({ cpu }) => cpu)),
    whole(median(rounds.map(({ rate }) => rate))),
  ])
  return table(['', `CPU µs/${what}`, `this / ${base}`, `${what}s/s`], rows)
}

export function report({ quick, machine, others, bars, web, alone, redis, plan }: Results): string {
  return `# What sessions cost an application

Made by \`npm run bench:app\`${quick ? ' -- --quick: short rounds, for a first look; its figures are no verdict' : ''}. The machine:

${machine.map((line) => `- ${line}`).join('\n')}
${othersLine(others)}

Read the ratios. CPU is the application's own process, all its threads, on a core of its own; the stores' servers and the
load share the other. Loads run in turn, round after round (${plan.rounds} of ${plan.seconds} s); a ratio is formed inside each round, and
medians are over the rounds. Redis ${redis} and Holdfast are reached over TLS 1.3, Holdfast with a client certificate.

${barTable(bars)}

## Express

Express 5 with express-session, plain HTTP in front; each request reads one of 2,000 sessions of about 1.5 KB at random.
connect-redis prolongs the session with every request (a second command), unless it is told not to; connect-holdfast
prolongs it once a tenth of its life has passed.

${costs(web, 'request', 'connect-redis')}

The first line is the same application on a route without a session.

## The client alone

GETs of 1,536 bytes, 16 at a time. undici has a connection for each; the others send together what one turn asks for.

${costs(alone, 'GET', 'node-redis')}
`
}
