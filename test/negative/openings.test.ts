/**
 * Ways in for those who debug: a production server does not start beside one, and opens none later. `holdfast dev` leaves
 * them to whoever tries things.
 */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { holdfast } from '../support/process.ts'
import { Site } from '../support/site.ts'

let site: Site
before(async () => {
  site = await Site.make()
})
after(() => site.remove())

for (const options of [
  '--inspect=127.0.0.1:0',
  '--tls-keylog=/dev/null',
  '--no-warnings --heapsnapshot_signal=SIGUSR2',
  '--insecure-http-parser',
  '"--tls-keylog=/dev/null"',
  '"" --no-warnings --inspect"=127.0.0.1":0',
  '"--in\\spect=127.0.0.1:0"',
  '--abort-on-uncaught-exception',
]) {
  test(`does not start with ${options}`, async () => {
    const program = site.launch({ NODE_OPTIONS: options })
    const ending = await program.ended
    const [option] = options.split(' ').at(-1)!.replace(/["\\]/g, '').split('=')
    assert.match(
      program.stderr,
      new RegExp(`Node was started with ${option!.replace('_', '-')}, which .*\n +Take it off`),
    )
    assert.deepEqual(ending, { code: 3, signal: null })
    assert.deepEqual(program.audit(), [])
  })
}

test('does not start where Node prints what goes through connections', async () => {
  const program = site.launch({ NODE_DEBUG: 'http' })
  assert.deepEqual(await program.ended, { code: 3, signal: null })
  assert.match(program.stderr, /NODE_DEBUG is set, which prints .*\n +Unset it/)
})

test('does not start beside an inspector that something else opened', async () => {
  site.write('open.mjs', "import { open } from 'node:inspector'\nopen(0, '127.0.0.1')\n")
  const program = site.launch({ NODE_OPTIONS: `--import=${site.folder}/open.mjs` })
  assert.deepEqual(await program.ended, { code: 3, signal: null })
  assert.match(program.stderr, /an inspector is open/)
})

test('SIGUSR1 opens nothing, and the server goes on', async (t) => {
  const server = await site.start()
  t.after(() => server.stop('SIGKILL'))
  const pid = server.program.child.pid!
  const sockets = () => {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    return links.filter((link) => link.startsWith('socket:')).sort()
  }
  const before = sockets()
  server.program.child.kill('SIGUSR1')
  await server.program.until('word of it', ({ stdout }) => stdout.includes('"signal":"SIGUSR1"') || undefined)
  assert.deepEqual(sockets(), before)
  assert.doesNotMatch(server.program.stderr, /Debugger/)
  assert.equal((await server.admin('/readyz')).status, 200)
  assert.equal((await server.stop()).code, 0)
})

test('development mode may be debugged', async () => {
  const env = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }
  const program = holdfast(['dev', '--data', `${site.folder}/dev`, '--port', '0', '--memory'], { env })
  await program.until('its invitation', ({ stdout }) => stdout.includes('Ready on') || undefined)
  assert.match(program.stderr, /Debugger listening/)
  assert.equal((await program.stop()).code, 0)
})
