/** The short run of the fuzzer, for every change. `npm run fuzz` is the long one; both draw a new seed each time. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { campaign } from './campaign.ts'
import { Field } from './field.ts'
import { SHAPE_NAMES } from './shapes.ts'

describe('the server under 5,000 malformed and hostile requests', () => {
  let field: Field
  before(async () => {
    field = await Field.make()
  })
  after(() => field.close())

  it('keeps its promises, to others as well', async (t) => {
    const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
    t.diagnostic(`seed ${seed} (FUZZ_SEED=${seed} makes the same run)`)
    const { tally, witness, dropped } = await campaign(field, { requests: 5_000, seed })
    t.diagnostic(`witness: worst ${witness.worst.toFixed(0)} ms of ${witness.requests}; ${dropped} handshakes dropped`)
    assert.deepEqual(tally.faults, [], `seed ${seed}`)
    assert.equal(tally.attacks, 5_000)
    assert.deepEqual([...tally.shapes.keys()].sort(), [...SHAPE_NAMES].sort(), 'every shape was tried')
    assert.ok(tally.forbidden.length > 500, 'there was something to smuggle')
    assert.ok(tally.written.length > 0, 'and honest pipelining did get through')
    for (const status of [200, 201, 204, 400, 404, 405, 413, 431])
      assert.ok(tally.statuses.has(status), `${status} was seen`)
  })
})
