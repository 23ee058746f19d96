/**
 * MediaWiki's own RESTBagOStuff against the real server, configured by the PHP of docs/guides/mediawiki.md: with a secret,
 * and through nginx, configured by docs/guides/reverse-proxies.md, which holds the certificate.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { figure } from '../http/metrics.ts'
import { holdfast, Program, ROOT } from '../support/process.ts'
import { type Server, Site } from '../support/site.ts'

const MEDIAWIKI = ['/usr/share/mediawiki', join(ROOT, 'node_modules/.cache/mediawiki')].find((folder) =>
  existsSync(join(folder, 'includes/libs')),
)
const has = (command: string) => spawnSync(command, ['-v']).error === undefined
const STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so'
const missing = [
  ...(MEDIAWIKI === undefined ? ["MediaWiki's classes (Debian packages mediawiki and mediawiki-classes)"] : []),
  ...['php', 'nginx'].filter((command) => !has(command)),
  ...(existsSync(STREAM) ? [] : ['libnginx-mod-stream']),
]
/** Errors of BagOStuff. */
const NONE = 0
const UNEXPECTED = 3

type Step = [method: string, key: string[], arguments_: unknown[]]
type Result = [result: unknown, lastError: number, logged: number]

/** The nth block of a language in a guide. */
function block(guide: string, language: string, n: number): string {
  const text = readFileSync(join(ROOT, 'docs/guides', guide), 'utf8')
  const blocks = [...text.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map((match) => match[1]!)
  assert.ok(blocks[n] !== undefined, `${guide} has no ${language} block ${n}`)
  return blocks[n]
}

/** Replaces what a reader of the guide would replace; each must be there. */
function fill(text: string, values: Record<string, string>): string {
  for (const [from, to] of Object.entries(values)) {
    assert.ok(text.includes(from), `the guide lost ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

describe('RESTBagOStuff', { skip: missing.length > 0 && `not installed: ${missing.join(', ')}` }, () => {
  let site: Site
  let server: Server
  let proxy: Program
  let configurations: Record<'secret' | 'proxy', string>

  function drive(
    by: keyof typeof configurations,
    steps: Step[],
    { cache = 'holdfast-sessions', change = {} }: { cache?: string; change?: Record<string, string> } = {},
  ): Result[] {
    const config = fill(configurations[by], change) + block('mediawiki.md', 'php', 2)
    const job = { root: MEDIAWIKI, config, cache, steps }
    const php = spawnSync('php', ['-d', 'display_errors=stderr', join(import.meta.dirname, 'drive.php')], {
      input: JSON.stringify(job),
      encoding: 'utf8',
      maxBuffer: 2 ** 24,
    })
    assert.equal(php.status, 0, php.stderr + php.stdout)
    return php.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  before(async () => {
    const { basicListen, basic, grants } = parse(block('mediawiki.md', 'yaml', 1))
    site = await Site.make((draft) => {
      draft.basicListen = { ...basicListen, host: '127.0.0.1', port: 0 }
      draft.basic = [{ ...basic[0], secretSha256: draft.basic[0].secretSha256 }]
      draft.grants = [...draft.grants.slice(0, -1), ...grants]
    })
    server = await site.start()
    site.write('secret', `${site.basicSecret}\n`)
    const port = await freePort()
    const files = { '/etc/nginx/holdfast/client.pem': 'all.pem', '/etc/nginx/holdfast/client-key.pem': 'all-key.pem' }
    const local = fill(block('reverse-proxies.md', 'nginx', 0), {
      'server holdfast.example.org:8443': `server 127.0.0.1:${server.ports.public}`,
      'proxy_ssl_name holdfast.example.org': 'proxy_ssl_name localhost',
      '127.0.0.1:6006': `127.0.0.1:${port}`,
      '/etc/nginx/holdfast/ca.pem': join(site.folder, 'tls/ca.pem'),
      ...Object.fromEntries(Object.entries(files).map(([from, to]) => [from, join(site.folder, 'tls', to)])),
    })
    proxy = await startNginx(site, `http { ${temporary(site)} ${local} }`, port)
    configurations = {
      secret: fill(block('mediawiki.md', 'php', 1), {
        'holdfast.example.org:8445': `localhost:${server.ports.basic}`,
        '/etc/mediawiki/holdfast-secret': join(site.folder, 'secret'),
        '/etc/mediawiki/holdfast-ca.pem': join(site.folder, 'tls/ca.pem'),
      }),
      proxy: fill(block('mediawiki.md', 'php', 0), { '127.0.0.1:6006': `127.0.0.1:${port}` }),
    }
  })

  after(async () => {
    await proxy?.stop()
    await server?.stop()
    site?.remove()
  })

  for (const by of ['secret', 'proxy'] as const) {
    test(`by ${by}: a session is written, read, ended, and stays ended`, () => {
      const key = ['MWSession', `${by}-session`]
      const session = { data: { wsUserID: 7, name: 'Ünïcödé ✓', list: [1, 2, 3] }, metadata: { userName: 'Alice' } }
      assert.deepEqual(
        drive(by, [
          ['get', key, []],
          ['set', key, [session, 86_400]],
          ['get', key, []],
          ['set', key, [{ ...session, more: true }, 86_400]],
          ['delete', key, []],
          ['delete', key, []],
          ['get', key, []],
          ['set', key, [session, 86_400]],
          ['get', key, []],
        ]),
        [
          [false, NONE, 0],
          [true, NONE, 0],
          [session, NONE, 0],
          [true, NONE, 0],
          [true, NONE, 0],
          [true, NONE, 0],
          [false, NONE, 0],
          [false, UNEXPECTED, 1],
          [false, NONE, 0],
        ] satisfies Result[],
      )
    })

    test(`by ${by}: keys and values of every kind come back as they were`, () => {
      const keys = [['a/b'], ['a//b', '..', '.'], ['100%'], ['%2F'], ['ключ'], ['with space', '?query#hash']]
      const large = 'x'.repeat(2_100_000)
      const steps = keys.flatMap((key, n): Step[] => [
        ['set', [by, ...key], [`value ${n}`]],
        ['get', [by, ...key], []],
      ])
      const answers = drive(by, [...steps, ['set', [by, 'large'], [large]], ['get', [by, 'large'], []]])
      for (const [n, [result, error]] of answers.slice(0, -1).entries()) {
        assert.deepEqual([result, error], [n % 2 === 0 ? true : `value ${(n - 1) / 2}`, NONE], String(steps[n]?.[1]))
      }
      assert.ok(answers.at(-1)![0] === large, 'the large value changed')
    })

    test(`by ${by}: PHP serialization with an HMAC key, and Kask's method POST`, () => {
      const php = { "'serialization_type' => 'JSON'": "'serialization_type' => 'PHP', 'hmac_key' => 'k'" }
      const post = { "'httpParams' => [": "'httpParams' => [ 'writeMethod' => 'POST'," }
      const value = { one: 1, two: ['three'] }
      const steps: Step[] = [
        ['set', [by, 'php'], [value]],
        ['get', [by, 'php'], []],
      ]
      const wanted = [
        [true, NONE, 0],
        [value, NONE, 0],
      ]
      assert.deepEqual(drive(by, steps, { change: { ...php, ...post } }), wanted)
      // Another HMAC key reads nothing of it.
      const other = { "'serialization_type' => 'JSON'": "'hmac_key' => 'other'" }
      assert.equal(drive(by, [steps[1]!], { change: other })[0]![0], false)
    })

    test(`by ${by}: marks of Echo go into a store where a deleted key is written again`, () => {
      const key = [by, 'seen']
      const steps: Step[] = [
        ['set', key, ['20261125']],
        ['delete', key, []],
        ['set', key, ['20261126']],
        ['get', key, []],
      ]
      const results = drive(by, steps, { cache: 'holdfast-echoseen' }).map(([result]) => result)
      assert.deepEqual(results, [true, true, true, '20261126'])
      assert.deepEqual(drive(by, [['get', key, []]]), [[false, NONE, 0]], 'not among the sessions')
    })
  }

  test('a wrong secret, and a store without a grant, are errors and not misses, and are counted', async () => {
    const get: Step[] = [['get', ['anything'], []]]
    const wrong = { 'mediawiki:$holdfastSecret': 'mediawiki:wrong' }
    assert.deepEqual(drive('secret', get, { change: wrong }), [[false, UNEXPECTED, 1]])
    assert.deepEqual(drive('secret', get, { change: { '/sessions/v1/': '/plain/v1/' } }), [[false, UNEXPECTED, 1]])
    assert.equal(await figure(server, 'http_requests_total', { code: '401' }), 1)
    assert.equal(await figure(server, 'holdfast_store_requests_total', { outcome: 'forbidden' }), 1)
    const refused = server.program.audit().filter(({ event }) => event === 'request-refused')
    assert.deepEqual(
      refused.map(({ rule }) => rule),
      ['bad-secret', 'no-grant'],
    )
  })

  test('`holdfast caller add` prints the lines of the guide, but for the hash', async () => {
    const line = block('mediawiki.md', 'bash', 1).trim()
    const made = holdfast(
      line
        .replace('--out holdfast', `--out ${join(site.folder, 'made')}`)
        .split(' ')
        .slice(1),
    )
    assert.equal((await made.ended).code, 0, made.stderr)
    const plain = (text: string) => text.replace(/[0-9a-f]{64}/, 'HASH')
    assert.ok(plain(block('mediawiki.md', 'yaml', 1)).endsWith(plain(made.stdout)), made.stdout)
  })

  test('connections passed through keep their certificates', async () => {
    const port = await freePort()
    const text = fill(block('reverse-proxies.md', 'nginx', 1), {
      'server 10.0.0.11:8443;': `server 127.0.0.1:${server.ports.public};`,
      'server 10.0.0.12:8443;': '',
      'listen 8443': `listen 127.0.0.1:${port}`,
    })
    const balancer = await startNginx(site, text, port, `load_module ${STREAM};`)
    try {
      const { certificate, key } = site.certificates.reader
      const reader = server.clientOf(port, { cert: certificate, key })
      assert.equal((await reader.get('/sessions/v1/nothing')).status, 404)
      assert.equal((await reader.put('/sessions/v1/nothing', 'x')).status, 403)
      await assert.rejects(server.clientOf(port, {}).get('/sessions/v1/nothing'))
    } finally {
      await balancer.stop()
    }
  })
})

/** Folders of nginx that would else be the system's. */
function temporary({ folder }: Site): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${folder}/nginx/${kind};`).join(' ')
}

async function startNginx(site: Site, text: string, port: number, before = ''): Promise<Program> {
  mkdirSync(join(site.folder, 'nginx'), { recursive: true })
  const file = `nginx-${port}.conf`
  site.write(
    file,
    `${before} daemon off; user root; pid ${site.folder}/nginx-${port}.pid; error_log stderr; events {} ${text}`,
  )
  const program = new Program(['nginx', '-e', 'stderr', '-p', site.folder, '-c', join(site.folder, file)])
  for (;;) {
    assert.equal(program.child.exitCode, null, program.stderr)
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return program
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A port that was free a moment ago: nginx cannot be asked which one it chose. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
