import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Field } from './fields.ts'
import { parseConfig } from './load.ts'
import { sampleConfig } from './sample.ts'
import { configFields } from './schema.ts'

const FROM = { name: 'holdfast.yaml', folder: '/srv', development: false }
const sample = sampleConfig(configFields, 'A head.\nIn two paragraphs.')

/** Without one of the engines. */
const without = (text: string, engine: string) => text.replace(new RegExp(`^  ${engine}:\n(( {4}.*)?\n)*`, 'm'), '')
/** With one source of the passphrase. */
const sole = (text: string) => text.replace(/^ *passphrase(Credential|Command):.*\n/gm, '')

test('the commented configuration is a valid one', () => {
  const config = parseConfig(sample, FROM)
  assert.equal(config.stores[0]?.path, 'sessions')
  assert.equal(config.engine.embedded?.file, '/srv/db/holdfast.sqlite')
  assert.equal(config.keys.stores.passphraseFile, '/srv/passphrase')
})

test('so it is with every setting switched on', () => {
  const on = sample.replace(/^( *)#(?! |$)/gm, '$1')
  const [embedded, cassandra] = ['embedded', 'cassandra'].map((name) => without(on, name))
  assert.deepEqual(parseConfig(sole(embedded!), FROM).engine.cassandra?.contactPoints, ['10.0.0.11', '10.0.0.12'])
  const all = cassandra!
  const sources = ['passphraseFile', 'passphraseCredential', 'passphraseCommand'] as const
  for (const source of sources) {
    const others = sources.filter((name) => name !== source).join('|')
    const { keys } = parseConfig(all.replace(new RegExp(`^ *(${others}):.*\n`, 'gm'), ''), FROM)
    assert.deepEqual(Object.keys(keys.stores), ['file', source])
  }
  const config = parseConfig(sole(all), FROM)
  assert.equal(config.basicListen?.port, 8445)
  assert.equal(config.basic[0]?.name, 'legacy-wiki')
  assert.equal(config.engine.embedded?.minFree?.ends, 256 * 2 ** 20)
  assert.equal(config.audit.file, '/srv/audit.jsonl')
})

test('it shows every key once for each place that has it, with its description', () => {
  const flat = sample.replaceAll(/\n *# /g, ' ')
  function walk(field: Field): void {
    for (const [key, inner] of Object.entries(field.properties ?? field.items?.properties ?? {})) {
      if (inner.developmentOnly) continue
      assert.match(sample, new RegExp(`^[ #-]*${key}:`, 'm'))
      assert.ok(inner.description, `${key} has no description`)
      assert.ok(flat.includes(inner.description), key)
      walk(inner)
    }
  }
  walk(configFields)
})
