import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Audit, CLASSES, LINES_PER_CLASS, WINDOW_MS } from './audit.ts'
import type { AuditEvent } from './events.ts'

function collect() {
  const lines: Record<string, unknown>[] = []
  const audit = new Audit((line) => lines.push(JSON.parse(line)), { now: () => Date.UTC(2026, 0, 2) })
  return { audit, lines }
}

const ending: AuditEvent = {
  event: 'ended',
  caller: 'spiffe://example.org/wiki',
  store: 'sessions',
  cause: 'request',
  outcome: 'done',
  requestId: 'a',
}
const knock = (network: string): AuditEvent => ({
  event: 'handshake-refused',
  listener: 'public',
  rule: 'no-certificate',
  network,
})

test('a line is one JSON object with the marker, the time and the fields of its event', () => {
  const texts: string[] = []
  new Audit((line) => texts.push(line), { now: () => Date.UTC(2026, 0, 2) }).record(ending)
  assert.deepEqual(texts, [
    '{"audit":true,"time":"2026-01-02T00:00:00.000Z","event":"ended","caller":"spiffe://example.org/wiki",' +
      '"store":"sessions","cause":"request","outcome":"done","requestId":"a"}\n',
  ])
})

test('a field that the table does not list never reaches a line', () => {
  const { audit, lines } = collect()
  audit.record({ ...ending, key: 'canary', url: '/sessions/v1/canary' } as AuditEvent)
  assert.equal(lines.length, 1)
  assert.ok(!JSON.stringify(lines).includes('canary'))
})

test('endings are never held back', () => {
  const { audit, lines } = collect()
  for (let i = 0; i < 5000; i++) audit.record(ending)
  audit.flush()
  assert.equal(lines.length, 5000)
})

test('refusals of one kind stop at the bound, other kinds go on, and the counts add up', () => {
  const { audit, lines } = collect()
  for (let i = 0; i < LINES_PER_CLASS + 7; i++)
    audit.record({ ...knock('10.0.0.0/24'), fingerprint: `${i}` } as AuditEvent)
  for (let i = 0; i < LINES_PER_CLASS; i++) audit.record(knock('10.0.1.0/24'))
  assert.equal(lines.length, 2 * LINES_PER_CLASS)
  audit.flush()
  assert.deepEqual(lines.slice(2 * LINES_PER_CLASS), [
    {
      audit: true,
      time: '2026-01-02T00:00:00.000Z',
      event: 'suppressed',
      of: 'handshake-refused',
      count: 7,
      seconds: WINDOW_MS / 1000,
      listener: 'public',
      network: '10.0.0.0/24',
      rule: 'no-certificate',
    },
  ])
  audit.record(knock('10.0.0.0/24'))
  assert.equal(lines.at(-1)?.event, 'handshake-refused', 'a new window writes again')
  audit.flush()
})

test('a flood from everywhere shares one class beyond the bound, and no line is lost from the counts', () => {
  const { audit, lines } = collect()
  const knocks = CLASSES * 3
  for (let i = 0; i < knocks; i++) audit.record(knock(`10.${i >> 8}.${i & 255}.0/24`))
  audit.flush()
  const written = lines.filter((line) => line.event === 'handshake-refused').length
  const held = lines.filter((line) => line.event === 'suppressed')
  assert.equal(written, CLASSES + LINES_PER_CLASS)
  assert.equal(held.length, 1)
  assert.equal(held[0]?.network, undefined)
  assert.equal(written + Number(held[0]?.count), knocks)
})

test('the counts are written when the window ends, without anybody asking', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { audit, lines } = collect()
  for (let i = 0; i <= LINES_PER_CLASS; i++) audit.record(knock('10.0.0.0/24'))
  t.mock.timers.tick(WINDOW_MS - 1)
  assert.equal(lines.length, LINES_PER_CLASS)
  t.mock.timers.tick(1)
  assert.equal(lines.at(-1)?.event, 'suppressed')
})

test('a sink that fails never fails the request: the line goes to the fallback and is counted', () => {
  const saved: string[] = []
  const broken = () => {
    throw new Error('ENOSPC')
  }
  const audit = new Audit(broken, { fallback: (line) => saved.push(line) })
  audit.record(ending)
  assert.equal(audit.failed, 1)
  assert.equal(JSON.parse(saved[0]!).event, 'ended')
  const silent = new Audit(broken, { fallback: broken })
  silent.record(ending)
  assert.equal(silent.failed, 1)
})
