import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { EmbeddedEngine } from '../engines/embedded/embedded-engine.ts'
import { Keyset, Records } from '../records/index.ts'
import { InstanceMetrics } from './instance-metrics.ts'

const STORE = {
  id: 'store:sessions',
  shape: 'cell',
  final: true,
  atomic: 'datacenter',
  longestTtl: 3600,
  maxSize: 4096,
} as const

test('engine, keys, certificates and refusals are told to whoever scrapes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-metrics-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const engine = new EmbeddedEngine({ file: join(folder, 'db.sqlite') })
  t.after(() => engine.close())
  const keyset = Keyset.generate('stores')
  const records = await Records.open(engine, [{ room: 'stores', keyset, spaces: [STORE] }])
  const registry = new Registry()
  const audit = { failed: 0 }
  const expires = new Date(Date.UTC(2030, 0, 1))
  const certificates = () => [{ name: 'listener public', expires, due: expires }]
  const metrics = await InstanceMetrics.register({ registry, engine, records, audit, certificates })

  const cells = records.cells(STORE.id)
  const soon = () => performance.now() + 5000
  await cells.put(Buffer.from('a'), Buffer.from('value'), { ttl: 60 }, soon())
  await cells.put(Buffer.from('b'), Buffer.from('value'), { ttl: 60 }, soon())
  await cells.get(Buffer.from('a'), soon())
  await cells.end(Buffer.from('b'), { everywhere: true }, soon())
  metrics.handshakeRefused('basic', 'plain-http')
  metrics.handshakeRefused('basic', 'plain-http')
  metrics.handshakeRefused('public', 'no-certificate')
  audit.failed = 3
  await new Promise((done) => setImmediate(done))

  const text = await registry.metrics()
  const has = (line: string) => assert.ok(text.split('\n').includes(line), `${line}\n--\n${text}`)
  const key = `room="stores",key_id="${keyset.primary.id}",state="primary"`
  has(`holdfast_key_records{${key},operation="sealed"} 2`)
  has(`holdfast_key_records{${key},operation="opened"} 1`)
  has('holdfast_engine_markers 1')
  has('# TYPE holdfast_engine_commits_total counter')
  has('holdfast_pending_ends 0')
  has('holdfast_handshakes_refused_total{listener="basic",rule="plain-http"} 2')
  has('holdfast_handshakes_refused_total{listener="public",rule="no-certificate"} 1')
  has('holdfast_certificate_expiry_timestamp_seconds{certificate="listener public"} 1893456000')
  has('holdfast_audit_lines_failed 3')
})

test('an engine that cannot answer takes nothing else off the page', async () => {
  let broken = false
  const engine = {
    stats: async () => {
      if (broken) throw new Error('gone')
      return [{ name: 'records', help: 'Records.', type: 'gauge', value: 1 } as const]
    },
    pending: async () => {
      if (broken) throw new Error('gone')
      return { count: 0, oldest: 0 }
    },
  }
  const registry = new Registry()
  const records = { keyUsage: () => [] }
  await InstanceMetrics.register({ registry, engine, records, audit: { failed: 0 }, certificates: () => [] })
  broken = true
  await new Promise((done) => setImmediate(done))
  const text = await registry.metrics()
  assert.match(text, /holdfast_audit_lines_failed 0/)
  assert.match(text, /holdfast_pending_ends Nan/i)
  assert.doesNotMatch(text, /^holdfast_engine_records \d/m)
})
