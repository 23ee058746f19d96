/**
 * `npm run soak:crash [-- --rounds 200 --seed S]`: kills the real server amid concurrent writes, ends, takes and
 * conditional writes of several clients over TLS, starts it again, looks, and lets the checker judge every key. Now and
 * then two servers share the file, one is killed while it starts, or one is stopped in order.
 *
 * A seed decides what is tried, how often and on which keys; how the operations interleave is the machine's. What SIGKILL
 * cannot show is that bytes reached the disk, since the kernel keeps what a dead process wrote: see sync.test.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Random } from '../fuzz/random.ts'
import { type Server, Site } from '../support/site.ts'
import { StoreClient } from './client.ts'
import { Ledger, type Totals } from './ledger.ts'

const CLIENTS = 4
/** Streams of randomness, and blocks of write numbers, that a round may use. */
const STREAMS = 16
const WRITES = 1000

class Soak {
  readonly ledger: Ledger
  readonly #seed: number
  readonly #site: Site
  #server: Server

  private constructor(seed: number, site: Site, server: Server) {
    this.#seed = seed
    this.#site = site
    this.#server = server
    this.ledger = new Ledger(String(seed))
  }

  static async start(seed: number): Promise<Soak> {
    const site = await Site.make()
    return new Soak(seed, site, await site.start())
  }

  /** Load, death, restart, judgement. `last`: looks at every key there ever was. */
  async round(number: number, last: boolean): Promise<void> {
    const random = new Random(this.#seed, number * STREAMS)
    this.ledger.newRound(random)
    const servers = [this.#server]
    if (random.chance(0.2)) servers.push(await this.#site.start())
    await Promise.all(servers.map((server, i) => this.#loadAndKill(server, number * STREAMS + i * (CLIENTS + 1) + 1)))
    if (random.chance(0.1)) await this.#killAmidStart(random.between(0, 600))
    this.#server = await this.#site.start()
    const client = this.#client(this.#server)
    const stream = number * STREAMS + STREAMS - 1
    await this.ledger.inspect(new Random(this.#seed, stream), client, this.#server, stream * WRITES, last)
    this.ledger.judge()
    await client.destroy()
  }

  /** Clients work on one server until it has answered so many operations; then it dies amid the ones under way. */
  async #loadAndKill(server: Server, stream: number): Promise<void> {
    const random = new Random(this.#seed, stream)
    const enough = random.between(10, 160)
    const lateness = random.between(0, 4)
    const signal = random.chance(0.1) ? 'SIGTERM' : 'SIGKILL'
    let answered = 0
    const work = async (mine: number) => {
      const choices = new Random(this.#seed, mine)
      const client = this.#client(server)
      for (let n = 0; await this.ledger.tryOne(choices, client, server, mine * WRITES + n); n++) {
        if (++answered === enough) sleep(lateness).then(() => server.program.stop(signal))
      }
      await client.destroy()
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => work(stream + 1 + i)))
    await server.program.ended
    this.ledger.died(server)
  }

  async #killAmidStart(afterMs: number): Promise<void> {
    const program = this.#site.launch()
    await sleep(afterMs)
    await program.stop('SIGKILL')
  }

  #client(server: Server): StoreClient {
    const { certificate, key } = this.#site.certificates.all
    const identity = { ca: this.#site.authority.certificate, cert: certificate, key }
    return new StoreClient(`https://localhost:${server.ports.public}`, identity, this.ledger.tags)
  }

  async stop(failed: boolean): Promise<void> {
    await this.#server.stop('SIGKILL')
    if (failed) console.error(`the server's folder is kept: ${this.#site.folder}`)
    else this.#site.remove()
  }
}

/** Runs so many rounds; throws, with the seed, at the first that breaks a promise. */
export async function soak(rounds: number, seed: number, report: (line: string) => void): Promise<Totals> {
  const run = await Soak.start(seed)
  let failed = true
  let round = 0
  try {
    for (; round < rounds; round++) {
      await run.round(round, round === rounds - 1)
      if ((round + 1) % 10 === 0) report(`round ${round + 1} of ${rounds}: ${JSON.stringify(run.ledger.totals)}`)
    }
    failed = false
    return run.ledger.totals
  } catch (cause) {
    throw new Error(`round ${round} of seed ${seed} (npm run soak:crash -- --rounds ${rounds} --seed ${seed})`, {
      cause,
    })
  } finally {
    await run.stop(failed)
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
    },
  })
  const rounds = Number(values.rounds)
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(seed) || seed < 0) {
    console.error('usage: npm run soak:crash [-- --rounds 200 --seed 1]')
    process.exit(2)
  }
  // So that the servers are killed as well, as at every other end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  console.log(`${rounds} rounds, seed ${seed}`)
  console.log('every acknowledged operation holds:', await soak(rounds, seed, console.log))
}
