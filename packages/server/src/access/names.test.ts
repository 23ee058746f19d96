import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { problemWithName, problemWithVouching, Vouching } from './names.ts'

const LABEL = 'a'.repeat(63)

test('names have one spelling, at the edges too', () => {
  const good = [
    'spiffe://example.org/wiki',
    'spiffe://1.2_3-x/A/b.c_d-e/9',
    `spiffe://e/${'a'.repeat(2048 - 'spiffe://e/'.length)}`,
    `spiffe://${'d'.repeat(255)}/a`,
    'dns:localhost',
    'dns:wiki-1.example.org',
    `dns:${LABEL}.${LABEL}.${LABEL}.${'a'.repeat(61)}`,
    'basic:legacy-wiki',
    `basic:${'a'.repeat(64)}`,
  ]
  for (const name of good) assert.equal(problemWithName(name), undefined, name)
  const bad = [
    '',
    'wiki',
    'spiffe://',
    'spiffe:///a',
    'spiffe://example.org',
    'spiffe://example.org/',
    'spiffe://example.org/a/',
    'spiffe://example.org//a',
    'spiffe://example.org/a/../b',
    'spiffe://example.org/.',
    'spiffe://Example.org/a',
    'SPIFFE://example.org/a',
    'spiffe://example.org:8443/a',
    'spiffe://user@example.org/a',
    'spiffe://example.org/a?b',
    'spiffe://example.org/a#b',
    'spiffe://example.org/%61',
    'spiffe://example.org/a\n',
    'spiffe://example.org/a,b',
    `spiffe://e/${'a'.repeat(2049 - 'spiffe://e/'.length)}`,
    `spiffe://${'d'.repeat(256)}/a`,
    'dns:',
    'dns:Example.org',
    'dns:*.example.org',
    'dns:example.org.',
    'dns:-a.example.org',
    'dns:a-.example.org',
    'dns:a..b',
    'dns:10.0.0.1',
    'dns:1234',
    `dns:${LABEL}a.org`,
    `dns:${LABEL}.${LABEL}.${LABEL}.${'a'.repeat(62)}`,
    'dns:a\nb',
    'basic:',
    'basic:-a',
    'basic:a b',
    `basic:${'a'.repeat(65)}`,
  ]
  for (const name of bad) assert.notEqual(problemWithName(name), undefined, name)
})

test('an authority vouches for trust domains, exact names and one leading label, and for nothing else', () => {
  for (const entry of ['spiffe://example.org', 'spiffe://example.org/a', 'dns:a.example.org', 'dns:*.example.org']) {
    assert.equal(problemWithVouching(entry), undefined, entry)
  }
  for (const entry of [
    'spiffe://',
    'spiffe://*',
    'spiffe://example.org/',
    'dns:*',
    'dns:*.',
    'dns:a.*.org',
    'basic:a',
    '',
  ]) {
    assert.notEqual(problemWithVouching(entry), undefined, entry)
  }
  const vouching = new Vouching(['spiffe://example.org', 'spiffe://other.org/a', 'dns:*.example.org', 'dns:wiki'])
  const covered = [
    'spiffe://example.org/a',
    'spiffe://example.org/b/c',
    'spiffe://other.org/a',
    'dns:a.example.org',
    'dns:wiki',
  ]
  for (const name of covered) assert.ok(vouching.covers(name), name)
  const not = [
    'spiffe://example.org.evil/a',
    'spiffe://sub.example.org/a',
    'spiffe://other.org/a/b',
    'spiffe://other.org/b',
    'dns:example.org',
    'dns:a.b.example.org',
    'dns:aexample.org',
    'dns:spiffe',
    'basic:wiki',
    'basic:a.example.org',
  ]
  for (const name of not) assert.ok(!vouching.covers(name), name)
})

test('whatever a trust domain covers is in that trust domain', () => {
  const name = fc.tuple(fc.stringMatching(/^[a-z0-9.-]{1,12}$/), fc.stringMatching(/^[a-z/.]{0,12}$/))
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9.-]{1,12}$/), name, (domain, [other, path]) => {
      const caller = `spiffe://${other}/${path}`
      if (new Vouching([`spiffe://${domain}`]).covers(caller)) assert.equal(other, domain)
      assert.ok(new Vouching([`spiffe://${other}`]).covers(caller))
    }),
  )
})
