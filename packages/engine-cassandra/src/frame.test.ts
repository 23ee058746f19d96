import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_TTL_SECONDS } from '@holdfast/engine'
import { BLANK, expiryIn, HEAD_BYTES, headOf, headOfVersion, heldIn, judge, sweepAfter, versionOf } from './frame.ts'

const NOW = 1_800_000_000_000
const record = (expiresAt: number, text = 'sealed') => Buffer.concat([headOf(expiresAt), Buffer.from(text)])

test('a head tells its expiry, and its version leads back to it; no two are the same', () => {
  const head = headOf(NOW)
  assert.equal(head.length, HEAD_BYTES)
  assert.equal(expiryIn(head), NOW)
  assert.deepEqual(headOfVersion(versionOf(head)), head)
  assert.notDeepEqual(headOf(NOW), head)
})

test('what lives is judged by expiry to the millisecond, and after the marker', () => {
  const sealed = record(NOW + 1)
  assert.equal(judge(undefined, NOW), 'absent')
  assert.equal(judge({ sealed: null, ended: null }, NOW), 'absent')
  assert.equal(judge({ sealed: BLANK, ended: null }, NOW), 'absent')
  assert.equal(judge({ sealed, ended: BigInt(NOW + 1) }, NOW), 'ended')
  assert.equal(judge({ sealed, ended: BigInt(NOW + 1) }, NOW + 1), 'absent')
  const cell = judge({ sealed, ended: BigInt(NOW) }, NOW)
  assert.deepEqual(cell, { sealed: Buffer.from('sealed'), version: versionOf(sealed), expiresAt: NOW + 1 })
  assert.equal(judge({ sealed, ended: null }, NOW + 1), 'absent')
  const forEver = judge({ sealed: record(0), ended: null }, Number.MAX_SAFE_INTEGER)
  assert.ok(typeof forEver === 'object' && forEver.expiresAt === 0)
})

test('what a marker must outlive is a marker, a record, or both', () => {
  assert.deepEqual(heldIn(undefined), [])
  assert.deepEqual(heldIn({ sealed: BLANK, ended: null }), [])
  assert.deepEqual(heldIn({ sealed: record(NOW), ended: BigInt(NOW + 5) }), [
    { ended: true, expiresAt: NOW + 5 },
    { ended: false, expiresAt: NOW },
  ])
})

test('Cassandra sweeps a little later, and never where it could not say when', () => {
  assert.equal(sweepAfter(0), 0)
  assert.equal(sweepAfter(60), 120)
  assert.equal(sweepAfter(0.5), 61)
  assert.equal(sweepAfter(MAX_TTL_SECONDS), 0)
})
