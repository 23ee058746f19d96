import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaStatements } from './apply-schema.ts'
import { TABLES } from './schema.ts'

test('the role of servers reads and writes its tables, sees settings, and nothing else', () => {
  const grants = schemaStatements({ keyspace: 'hf', app: { name: 'app' } }).filter((line) => line.startsWith('GRANT'))
  const wanted = Object.keys(TABLES).flatMap((table) =>
    ['SELECT', 'MODIFY'].map((right) => `GRANT ${right} ON TABLE hf.${table} TO "app"`),
  )
  assert.deepEqual(grants, [...wanted, 'GRANT SELECT ON TABLE system_views.settings TO "app"'])
})

test('a password is quoted, and stands nowhere else', () => {
  const statements = schemaStatements({
    ...{ keyspace: 'hf', replicas: { dc1: 1 } },
    app: { name: 'app', password: "it's" },
    migrate: { name: 'migrate' },
  })
  assert.deepEqual(
    statements.filter((line) => line.includes('it')).filter((line) => /it''?s/.test(line)),
    [`CREATE ROLE IF NOT EXISTS "app" WITH LOGIN = true AND SUPERUSER = false AND PASSWORD = 'it''s'`],
  )
  assert.ok(statements.includes('CREATE ROLE IF NOT EXISTS "migrate" WITH LOGIN = true AND SUPERUSER = false'))
})

test('what could be more than a name is refused', () => {
  for (const name of ['', 'a"b', "a'b", 'a b', 'a'.repeat(65)]) {
    assert.throws(() => schemaStatements({ keyspace: 'hf', app: { name } }), TypeError)
  }
})
