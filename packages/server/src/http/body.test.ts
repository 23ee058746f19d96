import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readBody, refuseDeclared } from './body.ts'

setFlagsFromString('--expose-gc')
const gc: () => void = runInNewContext('gc')

/** A request whose body is in these pieces. `most`: bytes that may be reserved. */
function read(
  headers: Record<string, string>,
  pieces: Iterable<Buffer>,
  limit: number,
  most = Number.POSITIVE_INFINITY,
) {
  const req = Object.assign(Readable.from(pieces, { objectMode: false }), { headers }) as unknown as IncomingMessage
  const taken = { bytes: 0 }
  const reserve = (bytes: number) => {
    if (taken.bytes + bytes > most) return false
    taken.bytes += bytes
    return true
  }
  const refused = refuseDeclared(req, limit, reserve)
  return { taken, body: refused === undefined ? readBody(req, limit, reserve).body : Promise.resolve(refused) }
}

function* pieces(count: number, size = 1) {
  for (let i = 0; i < count; i++) yield Buffer.alloc(size, i)
}
const whole = (count: number, size = 1) => Buffer.concat([...pieces(count, size)])
const declared = (bytes: number) => ({ 'content-length': String(bytes) })
const chunked = { 'transfer-encoding': 'chunked' }

describe('a body', () => {
  for (const [count, size] of [
    [0, 1],
    [1, 1],
    [1, 5000],
    [5000, 1],
    [7, 999],
    [2, 1024],
  ] as const) {
    it(`in ${count} pieces of ${size} bytes comes as it was sent`, async () => {
      const bytes = count * size
      assert.deepEqual(await read(declared(bytes), pieces(count, size), bytes).body, whole(count, size))
      assert.deepEqual(await read(chunked, pieces(count, size), bytes).body, whole(count, size))
      if (bytes > 1) assert.equal(await read(chunked, pieces(count, size), bytes - 1).body, 'value-too-large')
    })
  }

  it('is counted by what it holds: its declared length, or as it grows by doubling, up to the limit', async () => {
    for (const [bytes, limit, taken] of [
      [1, 10_000, 1024],
      [1024, 10_000, 1024],
      [1025, 10_000, 2048],
      [5000, 10_000, 8192],
      [5000, 5000, 5000],
      [1, 10, 10],
    ] as const) {
      const open = read(chunked, pieces(bytes), limit)
      await open.body
      assert.equal(open.taken.bytes, taken, `${bytes} bytes`)
      const known = read(declared(bytes), pieces(bytes), limit)
      await known.body
      assert.equal(known.taken.bytes, bytes)
    }
    assert.deepEqual(await read(chunked, pieces(2048), 10_000, 2048).body, whole(2048))
    assert.equal(await read(chunked, pieces(2049), 10_000, 2048).body, 'overloaded')
    assert.equal(await read(declared(2049), pieces(2049), 10_000, 2048).body, 'overloaded')
  })

  for (const [how, headers] of [
    ['declared', declared(100_000)],
    ['chunked', chunked],
  ] as const) {
    it(`costs what it is counted as, however small its pieces are (${how})`, async () => {
      const used = () => {
        gc()
        const { heapUsed, external } = process.memoryUsage()
        return heapUsed + external
      }
      let before = 0
      let after = 0
      const reading = read(
        headers,
        (function* () {
          before = used()
          yield* pieces(100_000)
          after = used()
        })(),
        100_000,
      )
      assert.deepEqual(await reading.body, whole(100_000))
      assert.ok(after - before < 3 * 100_000, `${after - before} bytes for 100,000`)
    })
  }

  it('that was declared and does not come costs nothing', async () => {
    const before = process.memoryUsage().external
    const silent = Array.from({ length: 10 }, () => {
      const req = Object.assign(new Readable({ read() {} }), { headers: declared(1_000_000) })
      return readBody(req as unknown as IncomingMessage, 1_000_000, () => true)
    })
    assert.ok(process.memoryUsage().external - before < 1_000_000)
    for (const { stop } of silent) stop('request-timeout')
    for (const { body } of silent) assert.equal(await body, 'request-timeout')
  })
})
