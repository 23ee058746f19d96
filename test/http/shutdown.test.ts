/**
 * An end in good order: not ready at once, nothing new accepted, what is in flight finished and told that the connection
 * closes, exit code 0; and what was acknowledged meanwhile is there after the next start.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Site } from '../support/site.ts'
import { doorOf } from './drivers.ts'
import { figure } from './metrics.ts'
import { SlowReader } from './slow-reader.ts'
import { head, Wire } from './wire.ts'

const site = await Site.make((draft) => {
  // However busy the machine: overload has tests of its own.
  draft.limits = { requestsSaturated: 1024 }
  draft.timeouts = { drain: '30s' }
})
let server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const open = () => Wire.open(doorOf(server, 'all'))

/** A PUT of five bytes whose last two are still to come. */
async function upload(key: string): Promise<Wire> {
  const wire = await open()
  wire.send(head('PUT', `/sessions/v1/${key}`, 'Expect: 100-continue', 'Content-Length: 5'))
  await wire.continued()
  return wire.send('val')
}

async function untilNotReady(): Promise<string> {
  for (;;) {
    const { status, body } = await server.admin('/readyz?verbose')
    if (status === 503) return body
    assert.equal(status, 200)
  }
}

test('SIGTERM during a slow upload: it is finished, and nothing new begins', async () => {
  const slow = await upload('slow')
  const idle = await open()
  assert.equal((await idle.send(head('GET', '/sessions/v1/none')).answer()).status, 404)
  const unused = await open()
  // The client's handshake is over before the server's is.
  while ((await figure(server, 'holdfast_connections')) < 3) {}

  server.program.child.kill('SIGTERM')
  assert.equal(await untilNotReady(), '[-] serving: the server is stopping\n[+] engine\nnot ready\n')
  assert.equal((await server.admin('/livez')).status, 200)
  await idle.closed()
  await unused.closed()
  await assert.rejects(open(), /ECONNREFUSED/)

  const answer = await slow.send('ue').answer()
  assert.deepEqual([answer.status, answer.headers.get('connection')], [201, 'close'])
  await slow.closed()
  assert.deepEqual(await server.program.ended, { code: 0, signal: null })
  assert.equal(server.program.stderr, '')
  const stops = server.program.audit().filter(({ event }) => event === 'stop')
  assert.deepEqual(
    stops.map(({ cause }) => cause),
    ['SIGTERM'],
  )

  server = await site.start()
  const found = await server.client().get('/sessions/v1/slow')
  assert.deepEqual([found.status, found.body.toString()], [200, 'value'])
})

test('requests that wait for the disk, or behind others, are answered before the end', async () => {
  const wire = await open()
  const numbers = Array.from({ length: 200 }, (_, index) => String(index))
  const requests = numbers
    .map((n) => `${head('PUT', `/sessions/v1/n${n}`, `Content-Length: ${n.length}`)}${n}`)
    .join('')
  // One TLS record, so that all have arrived when the first is answered.
  assert.ok(requests.length <= 16_384)
  wire.send(requests)
  assert.equal((await wire.answer()).status, 201)
  server.program.child.kill('SIGTERM')
  for (const n of numbers.slice(1)) assert.equal((await wire.answer()).status, 201, n)
  await wire.closed()
  assert.equal((await server.program.ended).code, 0)

  site.configure((draft) => {
    draft.timeouts = { drain: '300ms' }
  })
  server = await site.start()
  const client = server.client()
  for (const n of numbers) assert.equal((await client.get(`/sessions/v1/n${n}`)).body.toString(), n)
})

test('answers that wait for a slow client all arrive before the end', async () => {
  site.configure((draft) => {
    draft.timeouts = { drain: '30s' }
  })
  await server.stop()
  server = await site.start()
  const reader = await SlowReader.start(server, doorOf(server, 'all'))
  server.program.child.kill('SIGTERM')
  await untilNotReady()
  assert.deepEqual(await reader.rest(), { answers: reader.requests, ended: true })
  assert.deepEqual(await server.program.ended, { code: 0, signal: null })
  site.configure((draft) => {
    draft.timeouts = { drain: '300ms' }
  })
  server = await site.start()
})

test('an upload that never ends is cut off after the drain time, and nothing of it is kept', async () => {
  const never = await upload('never')
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  await assert.rejects(never.answer(), /closed without an answer/)
  server = await site.start()
  assert.equal((await server.client().get('/sessions/v1/never')).status, 404)
})
