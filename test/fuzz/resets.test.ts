/**
 * Connections that are reset while their handshake ends, many times over: none may keep its socket, its place among the
 * handshakes or its place among the caller's connections. The moment is a narrow one, so each case is tried often.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Field } from './field.ts'
import { Line } from './line.ts'

const AT_ONCE = 16
const TIMES = 6
/** The server's timeouts in this field, and some. */
const PATIENCE_MS = 15_000

const HEAD = 'GET /sessions/v1/key HTTP/1.1\r\nHost: localhost\r\n'
const BEFORE: readonly (readonly [string, string])[] = [
  ['with nothing sent', ''],
  ['with half a head sent', HEAD],
  ['with a request sent', `${HEAD}\r\n`],
  ['with a request sent that closes', `${HEAD}Connection: close\r\n\r\n`],
  ['with half a body sent', 'PUT /sessions/v1/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc'],
  ['with noise sent', 'noise\r\n\r\n'],
]

describe('connections that are reset right after their handshake', () => {
  let field: Field
  let quiet: number
  before(async () => {
    field = await Field.make()
    quiet = field.monitor.sockets
  })
  after(() => field.close())

  const reset = async (text: string) => {
    const line = await Line.open(field.door, 'tls and tcp')
    if (text !== '') line.send(Buffer.from(text))
    await sleep(0)
    line.reset()
  }

  for (const [when, text] of BEFORE) {
    it(`take no place from those who come after, ${when}`, async () => {
      for (let time = 0; time < TIMES; time++) {
        await Promise.allSettled(Array.from({ length: AT_ONCE }, () => reset(text)))
      }
      const lines = await Promise.all(Array.from({ length: AT_ONCE }, () => Line.open(field.door, 'tls')))
      for (const line of lines) line.destroy()
    })
  }

  it('are let go', async () => {
    await field.monitor.calm(quiet, PATIENCE_MS)
    assert.equal(field.monitor.sockets, quiet)
    const { body } = await field.server.admin('/metrics')
    assert.equal(/^holdfast_connections .*$/m.exec(body)?.[0], 'holdfast_connections 0')
  })
})
