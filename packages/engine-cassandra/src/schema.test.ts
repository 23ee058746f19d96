import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkName, keyspaceStatement, tableStatements } from './schema.ts'

test('a keyspace has its copies in each datacenter', () => {
  assert.equal(
    keyspaceStatement('holdfast', { dc1: 3, dc2: 1 }),
    "CREATE KEYSPACE IF NOT EXISTS holdfast WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 1}",
  )
})

test('what could be more than a name is refused', () => {
  for (const name of ['', 'Upper', '1st', 'a-b', "a'; DROP", 'a'.repeat(49)]) {
    assert.throws(() => checkName('keyspace', name), TypeError)
    assert.throws(() => tableStatements(name), TypeError)
  }
  assert.throws(() => keyspaceStatement('holdfast', { "dc'1": 1 }), TypeError)
  assert.throws(() => keyspaceStatement('holdfast', { dc1: 0 }), TypeError)
  assert.throws(() => keyspaceStatement('holdfast', {}), TypeError)
})

test('no table collects tombstones for longer than a day, and nothing sealed is compressed', () => {
  const statements = tableStatements('holdfast')
  assert.equal(statements.length, 5)
  for (const statement of statements)
    assert.match(statement, /gc_grace_seconds = 86400 AND compression = \{'enabled': false\}$/)
})
