/** Framing: what is an answer comes out whole however it is cut; what is not is refused, never guessed at. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Malformed, type Response, ResponseReader } from './response.ts'

const MAX = 1000

/** Feeds the bytes cut at these places; the answer, 'refused', or 'more' if it is not whole. */
function read(bytes: Buffer, cuts: readonly number[] = []): Response | 'refused' | 'more' {
  const reader = new ResponseReader(MAX)
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  try {
    for (const [n, end] of [...places, bytes.length].entries()) {
      const response = reader.take(bytes.subarray(n === 0 ? 0 : places[n - 1], end))
      if (response !== undefined) return response
    }
    return 'more'
  } catch (error) {
    assert.ok(error instanceof Malformed, `${error}`)
    return 'refused'
  }
}

const answer = (head: string, body: string | Buffer = '') =>
  Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), Buffer.from(body)])

const cuts = fc.array(fc.nat(), { maxLength: 5 })

describe('answers', () => {
  test('come out whole, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: MAX }), fc.nat(2), cuts, (body, interim, cutAt) => {
        const head = `HTTP/1.1 200 OK\r\netag: "a"\r\nHoldfast-TTL:7\r\nX-REQUEST-ID: i\r\nContent-Length: ${body.length}`
        const bytes = Buffer.concat([
          ...Array.from({ length: interim }, () => answer('HTTP/1.1 100 Continue')),
          answer(head, Buffer.from(body)),
        ])
        const wanted = { status: 200, etag: '"a"', ttl: '7', retryAfter: undefined, requestId: 'i', reusable: true }
        assert.deepEqual(read(bytes, cutAt), { ...wanted, body: Buffer.from(body) })
      }),
    )
  })

  test('have no body where none may be', () => {
    const none = { etag: undefined, ttl: undefined, retryAfter: undefined, requestId: undefined }
    const wanted = { status: 204, ...none, body: Buffer.alloc(0) }
    assert.deepEqual(read(answer('HTTP/1.1 204 No Content')), { ...wanted, reusable: true })
    assert.deepEqual(read(answer('HTTP/1.1 204 No Content\r\nConnection: Close')), { ...wanted, reusable: false })
    assert.equal(read(answer('HTTP/1.1 204 No Content\r\nContent-Length: 1', 'x')), 'refused')
  })

  test('end where they end: what comes behind is handed back', () => {
    const bytes = Buffer.concat([answer('HTTP/1.1 200 OK\r\nContent-Length: 1', 'x'), Buffer.from('HTTP/1.1 200 OK')])
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (cut) => {
        const reader = new ResponseReader(MAX)
        const first = reader.take(bytes.subarray(0, cut))
        const found = first ?? reader.take(bytes.subarray(cut))
        const unread = first === undefined ? 0 : bytes.length - cut
        assert.equal(found?.body.toString(), 'x')
        assert.equal(reader.rest.toString(), 'HTTP/1.1 200 OK'.slice(0, 15 - unread))
      }),
    )
  })

  test('without a value are short, whatever is taken of values', () => {
    const problem = (length: number) =>
      answer(`HTTP/1.1 404 Not Found\r\nContent-Length: ${length}`, 'x'.repeat(length))
    assert.equal(typeof read(problem(64 * 1024)), 'object')
    assert.equal(read(problem(64 * 1024 + 1)), 'refused')
  })

  for (const [what, bytes] of Object.entries({
    'two lengths': answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1', 'x'),
    'two different lengths': answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 2', 'xy'),
    'a list of lengths': answer('HTTP/1.1 200 OK\r\nContent-Length: 1, 1', 'x'),
    'a signed length': answer('HTTP/1.1 200 OK\r\nContent-Length: +1', 'x'),
    'a length in hex': answer('HTTP/1.1 200 OK\r\nContent-Length: 0x1', 'x'),
    'a length beyond what is taken': answer(`HTTP/1.1 200 OK\r\nContent-Length: ${MAX + 1}`),
    'a length of eleven digits': answer('HTTP/1.1 200 OK\r\nContent-Length: 00000000001', 'x'),
    'a length behind a no-break space': answer('HTTP/1.1 200 OK\r\nContent-Length:\xa01', 'x'),
    'two request ids': answer('HTTP/1.1 200 OK\r\nX-Request-ID: a\r\nX-Request-ID: a\r\nContent-Length: 1', 'x'),
    'no length': answer('HTTP/1.1 200 OK', 'x'),
    'a transfer coding': answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', '1\r\nx\r\n0\r\n\r\n'),
    both: answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked', 'x'),
    'a space before the colon': answer('HTTP/1.1 200 OK\r\nContent-Length : 1', 'x'),
    'a folded line': answer('HTTP/1.1 200 OK\r\nETag: "a"\r\n b\r\nContent-Length: 1', 'x'),
    'a bare line feed': Buffer.from('HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx'),
    'a bare carriage return': answer('HTTP/1.1 200 OK\r\nETag: "a"\rContent-Length: 9\r\nContent-Length: 1', 'x'),
    'a zero byte': answer('HTTP/1.1 200 OK\r\nETag: "\0"\r\nContent-Length: 1', 'x'),
    'another version': answer('HTTP/1.0 200 OK\r\nContent-Length: 1', 'x'),
    'another protocol': answer('SSH-2.0-x'),
    'no status': answer('HTTP/1.1 OK\r\nContent-Length: 1', 'x'),
    'a status out of range': answer('HTTP/1.1 600 OK\r\nContent-Length: 1', 'x'),
    'a change of protocol': answer('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x'),
    'interim answers without end': Buffer.concat(Array.from({ length: 9 }, () => answer('HTTP/1.1 100 Continue'))),
    'a head without end': Buffer.from(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(16_400)}`),
    'a head that is too long': answer(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: ${'x'.repeat(16_400)}`, 'x'),
  })) {
    test(`${what}: refused, wherever it is cut`, () => {
      assert.equal(read(bytes), 'refused')
      fc.assert(fc.property(cuts, (cutAt) => assert.equal(read(bytes, cutAt), 'refused')))
    })
  }

  test('the longest head is taken, one byte more is not', () => {
    const lineTo = (length: number) => {
      const start = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: '
      return answer(start + 'x'.repeat(length - start.length), 'x')
    }
    assert.equal(typeof read(lineTo(16 * 1024)), 'object')
    assert.equal(read(lineTo(16 * 1024 + 1)), 'refused')
  })

  test('a body is never cut short or made up, whatever is changed on the way', () => {
    const body = Buffer.from('the value, exactly')
    const good = answer(`HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: ${body.length}`, body)
    const change = fc.record({
      at: fc.nat(good.length - 1),
      byte: fc.nat(255),
      kind: fc.constantFrom('set', 'insert', 'drop'),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), cuts, (changes, cutAt) => {
        const bytes = [...good]
        for (const { at, byte, kind } of changes) {
          if (kind === 'set') bytes[at] = byte
          else bytes.splice(at, kind === 'drop' ? 1 : 0, ...(kind === 'insert' ? [byte] : []))
        }
        const found = read(Buffer.from(bytes), cutAt)
        if (typeof found !== 'object') return
        // It is an answer: then its head says how long it is, and its body is those bytes that follow the head.
        const text = Buffer.from(bytes)
        const end = text.indexOf('\r\n\r\n')
        const length = Number(/content-length:[ \t]*(\d+)/i.exec(text.toString('latin1', 0, end))?.[1] ?? 0)
        assert.deepEqual(found.body, text.subarray(end + 4, end + 4 + length))
      }),
      { numRuns: 5000 },
    )
  })
})
