import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parsePrecondition, parseTtl, prefersRepresentation } from './headers.ts'

describe('Holdfast-TTL', () => {
  it('is whole seconds from 1 to the maximum', () => {
    assert.equal(parseTtl(undefined, 60, 100), 60)
    assert.equal(parseTtl('1', 60, 100), 1)
    assert.equal(parseTtl('100', 60, 100), 100)
    for (const bad of [
      '0',
      '101',
      '',
      ' ',
      '-1',
      '+1',
      '1.5',
      '1e2',
      '0x10',
      '007',
      '1, 1',
      '99999999999',
      '1 ',
      'x',
    ]) {
      assert.equal(parseTtl(bad, 60, 100), 'bad-ttl', JSON.stringify(bad))
    }
  })
})

describe('conditions of a write', () => {
  it('knows one condition', () => {
    assert.equal(parsePrecondition(undefined, undefined), undefined)
    assert.deepEqual(parsePrecondition(undefined, '*'), { absent: true })
    assert.deepEqual(parsePrecondition('*', undefined), { match: '*' })
    assert.deepEqual(parsePrecondition('"a"', undefined), { match: ['"a"'] })
    assert.deepEqual(parsePrecondition('"a" ,  "b,c","",W/"w"', undefined), { match: ['"a"', '"b,c"', '""'] })
  })

  it('drops weak tags, so that they match nothing', () => {
    assert.deepEqual(parsePrecondition('W/"a"', undefined), { match: [] })
  })

  it('refuses what it does not understand', () => {
    for (const bad of [
      '',
      ' ',
      'a',
      '"a',
      'a"',
      '"a" "b"',
      '"a",',
      ',"a"',
      '"a",,"b"',
      'w/"a"',
      '"a", *',
      '"a b"',
      '**',
    ]) {
      assert.equal(parsePrecondition(bad, undefined), 'bad-condition', JSON.stringify(bad))
    }
    for (const bad of ['"a"', '', '*, *', 'W/"a"']) assert.equal(parsePrecondition(undefined, bad), 'bad-condition')
    assert.equal(parsePrecondition('*', '*'), 'bad-condition')
    assert.equal(parsePrecondition('"a"', '*'), 'bad-condition')
  })

  it('finds again every list of tags', () => {
    const tag = fc.string({ unit: fc.constantFrom('a', 'Z', '!', ',', '~', '\xff', '/'), maxLength: 6 })
    const space = fc.constantFrom('', ' ', '\t')
    const list = fc.array(fc.tuple(space, tag, space), { minLength: 1 })
    fc.assert(
      fc.property(list, (tags) => {
        const text = tags.map(([before, tag, behind]) => `${before}"${tag}"${behind}`).join(',')
        assert.deepEqual(parsePrecondition(text, undefined), { match: tags.map(([, tag]) => `"${tag}"`) })
      }),
    )
  })
})

describe('Prefer', () => {
  it('finds return=representation among other preferences', () => {
    for (const yes of [
      'return=representation',
      'return="representation"',
      'Return=representation; x=y',
      'respond-async, wait=10, return=representation',
      ' return = representation ',
      'return=representation, return=minimal',
    ]) {
      assert.ok(prefersRepresentation(yes), yes)
    }
  })

  it('takes nothing else for it', () => {
    for (const no of [
      undefined,
      '',
      'return=minimal',
      'return',
      'xreturn=representation',
      'return=minimal, return=representation',
      'x="return=representation"',
      'return=representations',
    ]) {
      assert.ok(!prefersRepresentation(no), String(no))
    }
  })
})
