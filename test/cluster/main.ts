/**
 * `npm run cluster -- COMMAND`: a real Cassandra to try things on, which stays until `down`. A thin layer over cluster.ts; what it
 * is lies in a folder, `.holdfast/cluster` unless `--folder` names another.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Cluster, openCluster, startCluster } from './cluster.ts'
import { SHAPES, type Shape } from './shapes.ts'
import { hasState } from './state.ts'

const USAGE = `npm run cluster -- COMMAND [--folder FOLDER]

  up [1 | 1+1 | 3+1]       starts a cluster; 1+1 and 3+1 have two datacenters
     --loopback            no network of its own: needs no root, and cannot be cut
     --wan-delay MS        how long a packet takes between the datacenters, one way; 0 unless given
     --hint-window MS      until when a node that was down is told what it missed; three hours unless given
  status                   its nodes: whether they serve, what memory they take
  down                     ends it and removes what it kept
  cut, heal                the line between the datacenters
  delay MS                 of that line from now on, one way
  pause, resume NODE       stops it as it is (SIGSTOP), and lets it go on
  kill, stop NODE          as in a crash (SIGKILL); in order (SIGTERM)
  start NODE               after kill or stop
  replace NODE             a new node at another address takes its place; what it kept is gone
  cql STATEMENT            by the superuser, on the first node; on another: --node NODE
`

type Options = ReturnType<typeof parse>['values']
type Command = (cluster: Cluster, word: string, options: Options) => Promise<void> | void

const COMMANDS: Readonly<Record<string, Command>> = {
  status: show,
  down: (cluster) => cluster.remove(),
  cut: (cluster) => cluster.cut(),
  heal: (cluster) => cluster.heal(),
  delay: (cluster, word) => cluster.delay(milliseconds(word, 'delay')),
  pause: (cluster, word) => cluster.pause(word),
  resume: (cluster, word) => cluster.resume(word),
  kill: (cluster, word) => cluster.kill(word),
  stop: (cluster, word) => cluster.stop(word),
  start: (cluster, word) => cluster.start(word),
  replace: (cluster, word) => cluster.replace(word),
  cql: async (cluster, word, { node }) => {
    console.table((await cluster.cql(word, node === undefined ? {} : { node })).map((row) => ({ ...row })))
  },
}
/** Those that mean nothing without a word after them. */
const NEED_WORD: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['pause', 'resume', 'kill', 'stop', 'start', 'replace'].map((name) => [name, 'the name of a node']),
  ),
  delay: 'milliseconds',
  cql: 'a statement',
}

function parse(args: string[]) {
  const text = { type: 'string' } as const
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      folder: { type: 'string', default: resolve(import.meta.dirname, '../../.holdfast/cluster') },
      loopback: { type: 'boolean', default: false },
      'wan-delay': text,
      'hint-window': text,
      node: text,
    },
  })
}

class UsageError extends Error {}

async function main(args: string[]): Promise<void> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const { values, positionals } = parsed
  const [name = 'help', word = ''] = positionals
  if (name === 'help') return console.log(USAGE)
  if (name === 'up') return up(word === '' ? '1' : word, values)
  const command = COMMANDS[name]
  if (command === undefined) throw new UsageError(`there is no command "${name}"`)
  if (word === '' && NEED_WORD[name] !== undefined) throw new UsageError(`${name} needs ${NEED_WORD[name]}`)
  await command(openCluster(values.folder), word, values)
}

async function up(word: string, values: Options): Promise<void> {
  if (!Object.hasOwn(SHAPES, word))
    throw new UsageError(`there is no shape "${word}"; there are ${Object.keys(SHAPES).join(', ')}`)
  const wanDelay = values['wan-delay']
  const hintWindow = values['hint-window']
  const begin = performance.now()
  console.log(
    `Starting Cassandra, shape ${word}. The first time, its jars are fetched and its classes archived: a minute or two.`,
  )
  const cluster = await startCluster({
    shape: word as Shape,
    folder: values.folder,
    outlives: true,
    ...(values.loopback ? { loopback: true } : {}),
    ...(wanDelay === undefined ? {} : { wanDelayMs: milliseconds(wanDelay, '--wan-delay') }),
    ...(hintWindow === undefined ? {} : { hintWindowMs: milliseconds(hintWindow, '--hint-window') }),
  }).catch((error) => {
    if (hasState(values.folder)) console.error('To end what is there: npm run cluster -- down\n')
    throw error
  })
  console.log(`Up after ${Math.round((performance.now() - begin) / 1000)} s.\n`)
  await show(cluster)
  console.log(`
Its folder: ${cluster.folder}
  tls/ca.pem, tls/client.pem, tls/client-key.pem     for clients
  cluster.json                                       its superuser, among others
  nodes/NODE/system.log                              what a node says

Try:
  npm run cluster -- cql "SELECT data_center, host_id, release_version FROM system.local"
${cluster.canBeCut ? '  npm run cluster -- cut\n' : ''}  npm run cluster -- status
  npm run cluster -- down`)
}

async function show(cluster: Cluster): Promise<void> {
  const rows = (await cluster.status()).map(({ name, datacenter, host, port, state, serves, memory }) => {
    return { name, datacenter, address: `${host}:${port}`, process: state, serves, MiB: Math.round(memory / 2 ** 20) }
  })
  console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])))
  if (cluster.isCut) console.log('The line between the datacenters is cut.')
}

function milliseconds(text: string, what: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`${what} needs milliseconds, such as 15; got "${text}"`)
  return Number(text)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const { message, cause } = error as Error
  console.error(
    error instanceof UsageError ? `${message}\n\n${USAGE}` : message + (cause === undefined ? '' : `\n${cause}`),
  )
  process.exitCode = error instanceof UsageError ? 2 : 1
}
