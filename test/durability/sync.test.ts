/**
 * No byte of an answer leaves before the fsync that covers it: the real server under strace, one request at a time over
 * TLS. The same server with SQLite's syncs turned off behind its back must be found out, or this proves nothing.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:https'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { MAIN, Program, whenReady } from '../support/process.ts'
import { Server, Site } from '../support/site.ts'
import { complaint, type Exchange, exchangesOf, STRACE_OPTIONS } from './trace.ts'

const RELAX = resolve(import.meta.dirname, 'relax-sync.mjs')
const works = spawnSync('strace', ['-f', 'true']).status === 0
const skip = works ? false : 'strace is missing or may not trace'

/** One connection that is open throughout, so that its requests stand in order in one trace. */
class Connection {
  readonly #agent: Agent
  readonly #port: number
  localPort = 0

  constructor({ site, ports }: Server) {
    const { certificate, key } = site.certificates.all
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, ca: site.authority.certificate, cert: certificate, key })
    this.#port = ports.public
  }

  /** Resolves to the status. */
  async ask(method: string, path: string, body?: Buffer, headers: RequestOptions['headers'] = {}): Promise<number> {
    const sent = request({ agent: this.#agent, host: 'localhost', port: this.#port, method, path, headers })
    sent.end(body)
    const [answer] = await once(sent, 'response')
    for await (const _ of answer);
    const { localPort } = sent.socket!
    assert.ok(this.localPort === 0 || this.localPort === localPort, 'the connection was kept')
    this.localPort = localPort!
    return answer.statusCode
  }

  close(): void {
    this.#agent.destroy()
  }
}

type Script = readonly [name: string, status: number, ...ask: Parameters<Connection['ask']>]

const take = { prefer: 'return=representation' }
const WRITES: readonly Script[] = [
  ['a new value', 201, 'PUT', '/sessions/v1/a', randomBytes(1500)],
  ['another value', 201, 'PUT', '/sessions/v1/a', randomBytes(1500)],
  ['a value of many pages', 201, 'PUT', '/sessions/v1/b', randomBytes(200_000)],
  ['a conditional write', 201, 'PUT', '/sessions/v1/c', randomBytes(40), { 'if-none-match': '*' }],
  ['a take', 200, 'DELETE', '/sessions/v1/a', undefined, take],
  ['an end', 204, 'DELETE', '/sessions/v1/b'],
  ['an end of what was never there', 204, 'DELETE', '/sessions/v1/d'],
  ['a value in a reusable store', 201, 'PUT', '/echoseen/v1/a', randomBytes(40)],
  ['an end in a reusable store', 204, 'DELETE', '/echoseen/v1/a'],
  ['a value in a store that is not atomic', 201, 'PUT', '/plain/v1/a', randomBytes(40)],
]
/** Needs no sync: shows that the reader of traces tells requests apart. */
const READ: Script = ['a read', 200, 'GET', '/sessions/v1/c']

/** What strace saw of each request in turn, on a new site. */
async function traced(
  site: Site,
  name: string,
  script: readonly Script[],
  env: NodeJS.ProcessEnv = {},
): Promise<Exchange[]> {
  const file = join(site.folder, `${name}.strace`)
  const command = [process.execPath, MAIN, 'serve', '--config', join(site.folder, 'holdfast.yaml')]
  const program = new Program(['strace', ...STRACE_OPTIONS, '-o', file, ...command], {
    env: { ...process.env, ...env },
  })
  const server = new Server(site, program, await whenReady(program))
  const connection = new Connection(server)
  // The handshake and what follows it (session tickets) are over when the first answer is there.
  assert.equal(await connection.ask('GET', '/sessions/v1/nothing'), 404)
  for (const [what, expected, ...ask] of script) assert.equal(await connection.ask(...ask), expected, what)
  // Killed before it sees the connection close, so that the last answer is the last thing on it.
  process.kill(program.lines().find((line) => line.msg === 'ready')!.pid as number, 'SIGKILL')
  await program.ended
  connection.close()
  const exchanges = exchangesOf(
    readFileSync(file, 'utf8'),
    connection.localPort,
    join(site.folder, 'db/holdfast.sqlite-wal'),
  )
  const early = exchanges.length - script.length
  assert.ok(early === 2 || early === 3, `a handshake of one or two flights, the first request, ${script.length} more`)
  return exchanges.slice(early)
}

describe('an answer waits for its fsync', { skip }, () => {
  let site: Site
  before(async () => {
    site = await Site.make()
  })
  after(() => site.remove())

  test('every write, take and end', async (t) => {
    const exchanges = await traced(site, 'sound', [...WRITES, READ])
    for (const [i, [name]] of WRITES.entries()) {
      await t.test(name, () => assert.equal(complaint(exchanges[i]!), undefined))
    }
    assert.equal(exchanges.at(-1)!.logWrites, 0, 'a read writes nothing')
  })

  test('without syncs, each of them is found out', async (t) => {
    const relaxed = await Site.make()
    t.after(() => relaxed.remove())
    const exchanges = await traced(relaxed, 'relaxed', WRITES, { NODE_OPTIONS: `--import ${RELAX}` })
    for (const [i, [name]] of WRITES.entries()) {
      await t.test(name, () =>
        assert.match(complaint(exchanges[i]!) ?? 'nothing', /before \d+ writes to the log were synced/),
      )
    }
  })
})
