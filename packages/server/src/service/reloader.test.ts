import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import type { Audit } from '../audit/audit.ts'
import type { Config } from '../config/schema.ts'
import { type Reloaded, Reloader, type ReloaderOptions } from './reloader.ts'

type Cause = Parameters<Reloader['ask']>[0]

/** A reload under way, which the test ends. */
type Taking = PromiseWithResolvers<Reloaded>

const CHANGED: Reloaded = { changed: ['grants'], waiting: [] }

/** A reloader of one file, whose reloads the test ends one by one. */
function start(t: Pick<TestContext, 'after'>, change: Partial<ReloaderOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-reloader-'))
  const file = join(folder, 'holdfast.yaml')
  writeFileSync(file, '1')
  const takings: Taking[] = []
  const logged: [level: string, fields: { cause?: Cause; problem?: string; waiting?: string[] }][] = []
  const audited: { cause: string; outcome: string }[] = []
  const outcomes: string[] = []
  const say = (level: string) => (fields: object) => void logged.push([level, fields])
  const reloader = new Reloader({
    source: { file, load: () => ({ engine: {} }) as Config, explain: (error) => (error as Error).message },
    take: () => {
      takings.push(Promise.withResolvers())
      return takings.at(-1)!.promise
    },
    log: { info: say('info'), warn: say('warn'), error: say('error') } as unknown as ReloaderOptions['log'],
    audit: { record: (event: never) => void audited.push(event) } as unknown as Audit,
    reopenAudit: () => {},
    done: (outcome) => void outcomes.push(outcome),
    ...change,
  })
  t.after(async () => {
    for (const taking of takings) taking.resolve(CHANGED)
    await reloader.stop()
    rmSync(folder, { recursive: true })
  })
  /** Resolves when so many reloads have begun. */
  const begun = async (count: number) => {
    while (takings.length < count) await setImmediate()
    return takings[count - 1]!
  }
  /** Resolves when so many have been told of. */
  const told = async (count: number) => {
    while (outcomes.length < count) await setImmediate()
  }
  return { reloader, file, takings, logged, audited, outcomes, begun, told }
}

describe('one at a time', () => {
  const cause = fc.constantFrom<Cause>('SIGHUP', 'files')
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ ask: cause }) },
    { weight: 2, arbitrary: fc.record({ end: fc.constantFrom('done', 'failed') }) },
  )

  test('whatever is asked, and when: each reload begins after the last wish that it fulfils', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { reloader, takings, logged, outcomes, begun, told } = start(t)
        /** Reloads that have begun, and what is to come after them. */
        let count = 0
        let next: Cause | undefined
        const causes: Cause[] = []
        const begin = async (cause: Cause) => {
          causes.push(cause)
          await begun(++count)
        }
        const running = () => count > outcomes.length
        for (const one of steps) {
          if ('ask' in one) {
            reloader.ask(one.ask)
            if (!running()) await begin(one.ask)
            else if (next !== 'SIGHUP') next = one.ask
          } else if (running()) {
            if (one.end === 'done') takings.at(-1)!.resolve(CHANGED)
            else takings.at(-1)!.reject(new Error(`problem ${count}`))
            await told(count)
            assert.equal(outcomes.at(-1), one.end)
            if (next !== undefined) {
              const cause = next
              next = undefined
              await begin(cause)
            }
          }
          await setImmediate()
          assert.equal(takings.length, count)
        }
        assert.deepEqual(
          logged.map(([, fields]) => fields.cause),
          causes.slice(0, outcomes.length),
        )
        if (running()) takings.at(-1)!.resolve(CHANGED)
        await reloader.stop()
        assert.equal(takings.length, count, 'none begins after the end')
      }),
      { numRuns: 200 },
    )
  })

  test('the end waits for the one under way', async (t) => {
    const { reloader, begun, takings } = start(t)
    reloader.ask('SIGHUP')
    const taking = await begun(1)
    reloader.ask('files')
    let stopped = false
    const stopping = reloader.stop().then(() => {
      stopped = true
    })
    for (let n = 0; n < 10; n++) await setImmediate()
    assert.equal(stopped, false)
    taking.resolve(CHANGED)
    await stopping
    reloader.ask('SIGHUP')
    for (let n = 0; n < 10; n++) await setImmediate()
    assert.equal(takings.length, 1)
  })
})

describe('a failure', () => {
  test('is told once while it lasts, to whoever asks always, and tried again after a while', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { reloader, begun, told, logged, audited, outcomes } = start(t)
    const fail = async (count: number, problem: string) => {
      ;(await begun(count)).reject(new Error(problem))
      await told(count)
      await setImmediate()
    }
    reloader.ask('files')
    await fail(1, 'no YAML')
    t.mock.timers.tick(29_999)
    await setImmediate()
    assert.equal(outcomes.length, 1)
    t.mock.timers.tick(1)
    await fail(2, 'no YAML')
    reloader.ask('SIGHUP')
    await fail(3, 'no YAML')
    reloader.ask('files')
    await fail(4, 'no key')
    t.mock.timers.tick(30_000)
    ;(await begun(5)).resolve(CHANGED)
    await told(5)
    t.mock.timers.tick(60_000)
    reloader.ask('files')
    await fail(6, 'no key')
    const lines = logged.map(([level, { cause, problem }]) => [level, cause, problem])
    assert.deepEqual(lines, [
      ['error', 'files', 'no YAML'],
      ['error', 'SIGHUP', 'no YAML'],
      ['error', 'files', 'no key'],
      ['info', 'retry', undefined],
      ['error', 'files', 'no key'],
    ])
    assert.deepEqual(
      audited.map(({ cause, outcome }) => [cause, outcome]),
      lines.map(([level, cause]) => [cause, level === 'info' ? 'done' : 'failed']),
    )
    assert.deepEqual(outcomes, ['failed', 'failed', 'failed', 'failed', 'done', 'failed'])
  })

  test('of the configuration takes nothing over', async (t) => {
    const source = {
      file: '/nowhere',
      load: () => {
        throw new Error('no YAML')
      },
      explain: (error: unknown) => (error as Error).message,
    }
    const { reloader, told, takings, logged } = start(t, { source })
    reloader.ask('SIGHUP')
    await told(1)
    assert.deepEqual([takings.length, logged[0]?.[1].problem], [0, 'no YAML'])
  })

  test('to open the audit file anew keeps nothing else from being taken over, and the other way round', async (t) => {
    let opened = 0
    let broken = true
    const reopenAudit = () => {
      opened++
      if (broken) throw new Error('no audit file')
    }
    const { reloader, begun, told, logged, outcomes } = start(t, { reopenAudit })
    reloader.ask('SIGHUP')
    ;(await begun(1)).resolve(CHANGED)
    await told(1)
    broken = false
    reloader.ask('SIGHUP')
    ;(await begun(2)).reject(new Error('no YAML'))
    await told(2)
    assert.equal(opened, 2)
    assert.deepEqual(outcomes, ['failed', 'failed'])
    assert.deepEqual(
      logged.map(([level, { problem }]) => [level, problem]),
      [
        ['info', undefined],
        ['error', 'no audit file'],
        ['error', 'no YAML'],
      ],
    )
  })
})

test('what waits for the next start is told', async (t) => {
  const { reloader, begun, told, logged } = start(t)
  reloader.ask('SIGHUP')
  ;(await begun(1)).resolve({ changed: [], waiting: ['limits'] })
  await told(1)
  assert.deepEqual([logged[1]?.[0], logged[1]?.[1].waiting], ['warn', ['limits']])
})

describe('at start-up, a configuration that changed', () => {
  const CASES: [what: string, load: () => Config, due: boolean][] = [
    ['not', () => ({ engine: {}, stores: [] }) as unknown as Config, false],
    ['before it was followed', () => ({ engine: {}, stores: ['other'] }) as unknown as Config, true],
    ['and is broken now', () => assert.fail('no YAML'), true],
  ]
  for (const [what, load, due] of CASES) {
    test(`${what} is ${due ? '' : 'not '}read again`, async (t) => {
      const source = { file: '/nowhere', load, explain: () => 'a problem' }
      const { reloader, outcomes, takings } = start(t, { source })
      await reloader.follow({ engine: {}, stores: [] } as unknown as Config)
      reloader.start()
      const until = performance.now() + 200
      while (performance.now() < until && outcomes.length + takings.length === 0) await setImmediate()
      assert.equal(outcomes.length + takings.length > 0, due)
    })
  }

  test('after it was followed is noticed, by itself', async (t) => {
    const { reloader, file, begun, logged, told } = start(t)
    await reloader.follow({ engine: {} } as Config)
    appendFileSync(file, '2')
    reloader.start()
    ;(await begun(1)).resolve(CHANGED)
    await told(1)
    assert.equal(logged[0]?.[1].cause, 'files')
  })
})
