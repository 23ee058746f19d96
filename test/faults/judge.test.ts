/**
 * The checker on histories made by hand: what can have happened is accepted, and each broken promise is refused by its
 * rule. Two datacenters, a and b; moments are ms.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Action } from '../history/cell.ts'
import type { Answer, Event, History, StoreRules } from './events.ts'
import { parse, write } from './events.ts'
import { judge } from './judge.ts'
import { tally } from './tally.ts'

const HEALING = 1000

/**
 * A history of one key, an operation a line: `1-2 a put 1: 201`, `3-4 b get: 200 1`, `5-6 a put 2 over 1: 412`,
 * `5-6 a put 2 absent: 201`, `7-8 a end: 503 logout-pending`, `9- a put 3: lost`, `1-2 a put 1 for 5: 201`; a mark is
 * `10 healed`. Rules: `final`, `reusable`; `no` is not atomic, `datacenter`, `global`; `local` logout.
 */
function history(rules: string, text: string): History {
  const store: StoreRules = {
    final: rules.includes('final'),
    atomic: (['no', 'datacenter', 'global'] as const).find((level) => rules.includes(level))!,
    logout: rules.includes('local') ? 'local' : 'everywhere',
  }
  const events = text
    .trim()
    .split('\n')
    .flatMap((line, id) => eventsOf(line.trim(), id))
    .sort((a, b) => a.at - b.at)
  const header = {
    history: 1,
    datacenters: ['a', 'b'],
    stores: { s: store },
    clocksApart: 100,
    healing: HEALING,
  } as const
  return { header, events }
}

function eventsOf(line: string, id: number): Event[] {
  const mark = /^(\d+) (fault|healed)$/.exec(line)
  if (mark) return [{ at: Number(mark[1]), mark: mark[2] as 'fault', what: 'the network' }]
  const [, began, ended, dc, kind, put, only, ttl, told] =
    /^(\d+)-(\d*) (\w) (\w+)(?: (\d+))?(?: (absent|over \d+))?(?: for (\d+))?: (.+)$/.exec(line)!
  const [status, rest] = told!.split(' ')
  const action = {
    kind,
    ...(put && { write: Number(put) }),
    ...(only && { only: only === 'absent' ? only : Number(only.slice(5)) }),
  }
  const begin: Event = {
    ...{ at: Number(began), begin: id, client: `c${id}`, dc: dc!, instance: `${dc}1`, store: 's', key: 'k' },
    ...{ action: action as Action, ...(ttl && { ttl: Number(ttl) }) },
  }
  if (ended === '') return [begin]
  const detail = status === '200' ? { value: Number(rest) } : rest === undefined ? {} : { code: rest }
  const answer: Answer = status === 'lost' ? { lost: 'connection' } : { status: Number(status), ...detail }
  return [begin, { at: Number(ended), answer: id, told: answer }]
}

type Case = readonly [name: string, rules: string, text: string]

const SOUND: readonly Case[] = [
  ['a write, then a read of it', 'final no', '1-2 a put 1: 201\n3-4 a get: 200 1'],
  ['the other datacenter sees a write later', 'final no', '1-2 a put 1: 201\n3-4 b get: 404\n5-6 b get: 200 1'],
  ['or never', 'final no', '1-2 a put 1: 201\n3-4 b get: 404\n90000-90001 b get: 404'],
  [
    'concurrent writes, either wins',
    'final no',
    '1-5 a put 1: 201\n2-4 a put 2: 201\n6-7 a get: 200 1\n8-9 a get: 200 1',
  ],
  [
    'a late write from elsewhere wins',
    'final no',
    '1-2 b put 1: 201\n3-4 a put 2: 201\n5-6 a get: 200 2\n7-8 a get: 200 1',
  ],
  [
    'an end, everywhere',
    'final no',
    '1-2 a put 1: 201\n3-6 a end: 204\n4-5 b get: 200 1\n7-8 b get: 404\n9-10 b put 2: 409',
  ],
  [
    'an end that is pending is seen elsewhere until the network is whole',
    'final no',
    `1-2 a put 1: 201
     3-4 b get: 200 1
     5 fault
     6-7 a end: 503 logout-pending
     8-9 b get: 200 1
     10-11 b put 2: 201
     12-13 b get: 200 2
     14-15 a get: 404
     20 healed
     900-901 b get: 200 2
     1100-1101 b get: 404
     1102-1103 b put 3: 409`,
  ],
  [
    'a second fault during the healing moves the moment',
    'final no',
    `1-2 a put 1: 201
     3-4 b get: 200 1
     6-7 a end: 503 logout-pending
     20 healed
     30 fault
     2000-2001 b get: 200 1
     3000 healed
     4100-4101 b get: 404`,
  ],
  [
    'a lost write that happened late',
    'final no',
    '1-2 a put 1: lost\n3-4 a get: 404\n5-6 a get: 200 1\n7-8 a get: 200 1',
  ],
  ['a lost write that did not', 'final no', '1- a put 1: lost\n3-4 a get: 404\n5-6 b get: 404'],
  [
    'an unconfirmed end that did not happen',
    'final no',
    '1-2 a put 1: 201\n3-4 a end: 503 unconfirmed\n5-6 a get: 200 1',
  ],
  [
    'an unconfirmed end that happened in one datacenter',
    'final no',
    '1-2 a put 1: 201\n3-4 a end: 503 unconfirmed\n5-6 b get: 200 1\n7-8 a put 2: 409\n9-10 b get: 200 1',
  ],
  ['a refused end did nothing', 'final no', '1-2 a put 1: 201\n3-4 a end: 503 unavailable\n5-6 a get: 200 1'],
  [
    'a refused read says nothing',
    'final no',
    '1-2 a put 1: 201\n3-4 a get: 503 unavailable\n5-6 a get: lost\n7-8 a get: 200 1',
  ],
  ['a reusable key lives again', 'reusable no', '1-2 a put 1: 201\n3-4 a end: 204\n5-6 a put 2: 201\n7-8 a get: 200 2'],
  [
    'the end of a reusable key knows nothing of a write elsewhere that has not arrived',
    'reusable no',
    '1-2 b put 1: 201\n3-4 a end: 204\n5-6 b get: 200 1\n7-8 a get: 404\n9-10 a get: 200 1',
  ],
  ['a local logout', 'final no local', '1-2 a put 1: 201\n3-4 a end: 204\n5-6 b get: 200 1\n7-8 a get: 404'],
  [
    'a value that expires',
    'final no',
    '1-2 a put 1 for 5: 201\n4000-4001 a get: 200 1\n5000-5001 a get: 404\n6000-6001 a get: 404',
  ],
  ['what expired may be written again', 'final datacenter', '1-2 a put 1 for 5: 201\n6000-6001 a put 2 absent: 201'],
  ['one of two takes', 'final datacenter', '1-2 a put 1: 201\n3-6 a take: 200 1\n4-5 a take: 404\n7-8 a put 2: 409'],
  [
    'a take in each datacenter, where that is all it promises',
    'final datacenter',
    '1-2 a put 1: 201\n3-4 a take: 200 1\n5-6 b take: 200 1',
  ],
  [
    'one of two conditional writes',
    'final global',
    '1-2 a put 1 absent: 201\n3-6 a put 2 over 1: 201\n4-5 b put 3 over 1: 412\n7-8 b get: 200 2',
  ],
  [
    'a lost conditional write explains why the next one failed',
    'reusable global',
    '1-2 a put 1: 201\n3-4 a put 2 over 1: lost\n5-6 b put 3 over 1: 412\n7-8 b get: 200 2',
  ],
  [
    'a lost one over a lost one',
    'final global',
    '1-2 a put 1: lost\n3-4 a put 2 over 1: 503 unconfirmed\n5-6 b get: 200 2',
  ],
  [
    'an end that is pending, where all else is exact globally',
    'final global',
    '1-2 a put 1: 201\n3-4 a end: 503 logout-pending\n5-6 a put 3: 409\n7-8 a take: 404\n9-10 b get: 200 1\n11-12 b put 2 over 1: 201\n13-14 a get: 404',
  ],
  [
    'an unconfirmed take',
    'final global',
    '1-2 a put 1: 201\n3-4 b take: 503 unconfirmed\n5-6 a get: 200 1\n7-8 a get: 404',
  ],
]

const UNSOUND: readonly (readonly [rule: string, ...Case])[] = [
  ['a', 'a read after an end', 'final no', '1-2 a put 1: 201\n3-4 a end: 204\n5-6 a get: 200 1'],
  ['a', 'in the other datacenter', 'final no', '1-2 a put 1: 201\n3-4 b get: 200 1\n5-6 a end: 204\n7-8 b get: 200 1'],
  ['a', 'of a write that was concurrent to it', 'final no', '1-9 b put 1: 201\n3-4 a end: 204\n10-11 b get: 200 1'],
  ['a', 'accepted again', 'final no', '1-2 a end: 204\n3-4 b put 1: 201'],
  ['a', 'a lost write arrives after the end', 'final no', '1- b put 1: lost\n3-4 a end: 204\n5-6 b get: 200 1'],
  ['a', 'a condition accepted again', 'final global', '1-2 a put 1: 201\n3-4 a end: 204\n5-6 b put 2 absent: 201'],
  ['a', 'taken after it', 'final datacenter', '1-2 a put 1: 201\n3-4 b get: 200 1\n5-6 a end: 204\n7-8 b take: 200 1'],
  [
    'a',
    'a reusable key, known where it was ended, is served elsewhere',
    'reusable no',
    '1-2 a put 1: 201\n3-4 a end: 204\n5-6 b get: 200 1',
  ],
  ['b', 'a write is gone', 'final no', '1-2 a put 1: 201\n3-4 a get: 404'],
  ['b', 'a write is gone after it was seen', 'reusable no', '1-2 a put 1: 201\n3-4 a get: 200 1\n5-6 a get: 404'],
  [
    'b',
    'a write elsewhere is gone after it was seen',
    'reusable no',
    '1-2 a put 1: 201\n3-4 b get: 200 1\n5-6 b get: 404',
  ],
  [
    'b',
    'a refused write excuses nothing',
    'final no',
    '1-2 a put 1: 201\n3-4 a put 2: 503 unavailable\n5-6 a put 3: 409',
  ],
  [
    'c',
    'served again where the end was taken',
    'final no',
    '1-2 a put 1: 201\n3-4 a end: 503 logout-pending\n5-6 a get: 200 1',
  ],
  [
    'c',
    'served elsewhere after the healing',
    'final no',
    '1-2 a put 1: 201\n3-4 b get: 200 1\n5-6 a end: 503 logout-pending\n10 healed\n1200-1201 b get: 200 1',
  ],
  [
    'c',
    'accepted elsewhere after the healing',
    'final no',
    '5-6 a end: 503 logout-pending\n10 healed\n1200-1201 b put 1: 201',
  ],
  ['c', 'accepted where it was taken, before', 'final no', '1-2 a end: 503 logout-pending\n3-4 a put 1: 201'],
  ['c', 'a refused write is there', 'final no', '1-2 a put 1: 503 unavailable\n3-4 a get: 200 1'],
  [
    'c',
    'a write that failed its condition is there',
    'reusable global',
    '1-2 a put 1: 201\n3-4 a put 2 over 9: 412\n5-6 a get: 200 2',
  ],
  [
    'c',
    'a write told that the key was ended is there',
    'final no',
    '1-2 a end: lost\n3-4 a put 1: 409\n5-6 a get: 200 1',
  ],
  ['c', 'a refused end happened', 'final no', '1-2 a put 1: 201\n3-4 a end: 503 unavailable\n5-6 a get: 404'],
  [
    'c',
    'an unconfirmed end was seen, then not',
    'final no',
    '1-2 a put 1: 201\n3-4 a end: 503 unconfirmed\n5-6 a get: 404\n7-8 a get: 200 1',
  ],
  ['b', 'an unconfirmed write was seen, then not', 'final no', '1-2 a put 1: lost\n3-4 a get: 200 1\n5-6 a get: 404'],
  ['d', 'an older value of its own', 'final no', '1-2 a put 1: 201\n3-4 a put 2: 201\n5-6 a get: 200 1'],
  [
    'd',
    'a value from elsewhere that a later write had replaced',
    'reusable no',
    '1-2 b put 1: 201\n3-4 a get: 200 1\n5-6 a put 2: 201\n7-8 a get: 200 1',
  ],
  ['d', 'back and forth', 'final no', '1-9 a put 1: 201\n2-8 a put 2: 201\n10-11 a get: 200 1\n12-13 a get: 200 2'],
  ['e', 'two takes', 'final datacenter', '1-2 a put 1: 201\n3-6 a take: 200 1\n4-5 a take: 200 1'],
  ['e', 'a take in each datacenter', 'final global', '1-2 a put 1: 201\n3-6 a take: 200 1\n4-5 b take: 200 1'],
  ['e', 'nobody took it', 'final datacenter', '1-2 a put 1: 201\n3-4 a take: 404'],
  [
    'e',
    'two wrote over one version',
    'final global',
    '1-2 a put 1: 201\n3-6 a put 2 over 1: 201\n4-5 b put 3 over 1: 201',
  ],
  [
    'e',
    'the same in one datacenter',
    'reusable datacenter',
    '1-2 a put 1: 201\n3-6 a put 2 over 1: 201\n4-5 a put 3 over 1: 201',
  ],
  ['e', 'two made what was absent', 'reusable datacenter', '1-6 a put 1 absent: 201\n2-5 a put 2 absent: 201'],
  ['e', 'a condition failed for no reason', 'final datacenter', '1-2 a put 1: 201\n3-4 a put 2 over 1: 412'],
  ['b', 'a global store reads what is old', 'final global', '1-2 a put 1: 201\n3-4 b get: 404'],
  ['answer', 'a value that nobody wrote', 'final no', '1-2 a put 1: 201\n3-4 a get: 200 9'],
  ['answer', 'a read that is unconfirmed', 'final no', '1-2 a get: 503 unconfirmed'],
  ['answer', 'a record that does not open', 'final no', '1-2 a get: 500 unreadable'],
  ['answer', 'a condition failed that was not asked for', 'final no', '1-2 a put 1: 412'],
  ['answer', 'ended, in a reusable store', 'reusable no', '1-2 a put 1: 409'],
  ['answer', 'a local logout that is pending', 'final no local', '1-2 a end: 503 logout-pending'],
  ['expired', 'a value outlives its time', 'final no', '1-2 a put 1 for 5: 201\n5200-5201 a get: 200 1'],
  ['b', 'a value goes before its time', 'final no', '1-2 a put 1 for 5: 201\n4000-4001 a get: 404'],
]

describe('accepted', () => {
  for (const [name, rules, text] of SOUND) {
    test(name, () => assert.deepEqual(judge(history(rules, text)), []))
  }
})

describe('refused', () => {
  for (const [rule, name, rules, text] of UNSOUND) {
    test(`(${rule}) ${name}`, () => {
      const complaints = judge(history(rules, text))
      assert.ok(complaints.length > 0, 'it was accepted')
      assert.deepEqual([...new Set(complaints.map((each) => each.rule))], [rule], complaints[0]!.story)
    })
  }
})

test('a complaint names the operation and tells the story', () => {
  const [complaint] = judge(
    history('final no', '1-2 a put 1: 201\n3-4 a end: 204\n5 fault\n6-7 a get: 200 1\n8-9 a get: 404'),
  )
  assert.equal(complaint!.why, 'no order in a explains 3: 6.000 to 7.000, c3 at a a1: get -> 200 1')
  assert.match(complaint!.story, /end -> 204\n.*fault: the network\n-> 3: .*get -> 200 1$/)
})

describe('the file', () => {
  const sound = history('final no', '1-2 a put 1: 201\n3-4 a get: 200 1\n5- b get: lost\n6 healed')

  test('is read as it was written', () => assert.deepEqual(parse(write(sound)), sound))
  test('may be torn in its last line', () => assert.deepEqual(parse(`${write(sound)}{"at":7,"be`), sound))

  const header = JSON.stringify(sound.header)
  const begin = JSON.stringify(sound.events[0])
  const answer = JSON.stringify(sound.events[1])
  const broken: readonly [why: RegExp, ...lines: string[]][] = [
    [/line 1 is not the header/, begin],
    [/line 3 is not JSON/, header, begin, answer.slice(1)],
    [/line 3: operation 0 began before/, header, begin, begin],
    [/line 2: operation 0 never began/, header, answer],
    [/line 4: operation 0 was answered before/, header, begin, answer, answer],
    [/line 3: its moment is before/, header, begin, answer.replace('"at":2', '"at":0')],
    [/line 2: no datacenter is named x/, header, begin.replace('"dc":"a"', '"dc":"x"')],
    [/line 2: no store is named x/, header, begin.replace('"store":"s"', '"store":"x"')],
    [/line 3: 1 was written before/, header, begin, begin.replace('"begin":0', '"begin":1')],
    [/line 2: it is neither/, header, '{"at":1}'],
  ]
  for (const [why, ...lines] of broken) {
    test(`is refused: ${why.source}`, () => assert.throws(() => parse(`${lines.join('\n')}\n`), why))
  }
})

test('the tally counts what was proved', () => {
  const counted = tally(
    history(
      'final datacenter',
      '1-2 a put 1 absent: 201\n3-4 a end: 204\n5-6 a get: 404\n5-6 b get: 404\n7-8 b get: 404\n9-10 b put 2: lost\n9-10 b put 3: 503 unavailable\n11-12 a end: 503 logout-pending',
    ),
  )
  assert.deepEqual(counted, {
    ...{ operations: 8, definite: 5, unconfirmed: 1, refused: 1, ends: 1, looksAfterEnds: 1, pending: 1 },
    ...{ taken: 0, conditional: 1 },
  })
})
