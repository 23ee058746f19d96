/** The reader of traces itself: lines as strace writes them, in the right order and in each wrong one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { complaint, exchangesOf } from './trace.ts'

const LOG = '/data/db/holdfast.sqlite-wal'
const SOCKET = '31<TCPv6:[[::ffff:127.0.0.1]:8443->[::ffff:127.0.0.1]:50974]>'
const FILE = `27<${LOG}>`

const opened = [
  `11  openat(AT_FDCWD</data>, "${LOG}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = ${FILE}`,
  `11  pwrite64(${FILE}, ""..., 32, 0) = 32`,
  `11  fsync(${FILE})                 = 0`,
  '11  fsync(28</data/db>)            = 0',
]
const request = `9   read(${SOCKET}, ""..., 65536) = 812`
const logWrite = `11  pwrite64(${FILE}, ""..., 4096, 8296) = 4096`
const sync = `11  fdatasync(${FILE})             = 0`
const answer = `9   write(${SOCKET}, ""..., 240) = 240`

const judge = (...lines: string[]) => exchangesOf(lines.join('\n'), 50974, LOG).map(complaint)

describe('durable', () => {
  test('written, synced, answered', () => {
    assert.deepEqual(judge(...opened, request, logWrite, logWrite, sync, answer), [undefined])
  })

  test('twice on one connection, an answer in several pieces, a request in several', () => {
    const exchange = [request, request, logWrite, sync, answer, answer]
    assert.deepEqual(judge(...opened, ...exchange, ...exchange), [undefined, undefined])
  })

  test('calls of two threads that overlap', () => {
    const lines = [
      `9   read(${SOCKET},  <unfinished ...>`,
      `11  pwrite64(${FILE}, ""..., 24, 8272) = 24`,
      '9   <... read resumed>""..., 65536) = 812',
      `11  pwrite64(${FILE}, ""..., 24, 8272 <unfinished ...>`,
      `9   write(7<pipe:[1]>, ""..., 1) = 1`,
      '11  <... pwrite64 resumed>)         = 24',
      `11  fsync(${FILE} <unfinished ...>`,
      `9   read(7<pipe:[1]>, ""..., 1) = 1`,
      '11  <... fsync resumed>)            = 0',
      answer,
    ]
    assert.deepEqual(judge(...opened, ...lines), [undefined])
  })

  test('a second thread that opens the log later', () => {
    assert.deepEqual(judge(...opened, opened[0]!, request, logWrite, sync, answer), [undefined])
  })

  test('killed while it answered', () => {
    assert.deepEqual(judge(...opened, request, logWrite, sync, answer.replace('= 240', '= ?')), [undefined])
    assert.equal(judge(...opened, request, logWrite, sync.replace('= 0', '= ?'), answer).filter(Boolean).length, 1)
  })

  test('other connections do not count', () => {
    assert.deepEqual(
      judge(...opened, request.replace('50974', '50975'), logWrite, answer.replace('50974', '50975')),
      [],
    )
  })
})

describe('not durable', () => {
  const early = 'answered before 1 writes to the log were synced'
  const cases: [string, string, ...string[]][] = [
    ['never synced', early, ...opened, request, logWrite, answer],
    ['synced after the answer', early, ...opened, request, logWrite, answer, sync],
    ['synced before the write', early, ...opened, request, sync, logWrite, answer],
    [
      'the sync failed',
      early,
      ...opened,
      request,
      logWrite,
      `11  fdatasync(${FILE}) = -1 EIO (Input/output error)`,
      answer,
    ],
    [
      'the sync was under way',
      early,
      ...opened,
      request,
      logWrite,
      `11  fsync(${FILE} <unfinished ...>`,
      answer,
      '11  <... fsync resumed>) = 0',
    ],
    [
      'the write began while the sync was under way',
      early,
      ...[
        ...opened,
        request,
        `11  fsync(${FILE} <unfinished ...>`,
        logWrite.replace('11', '12'),
        '11  <... fsync resumed>) = 0',
        answer,
      ],
    ],
    [
      'another file was synced',
      early,
      ...opened,
      request,
      logWrite,
      '11  fsync(26</data/db/holdfast.sqlite>) = 0',
      answer,
    ],
    [
      'the folder was not',
      'answered before the folder of the log was synced',
      ...opened.slice(0, 3),
      request,
      logWrite,
      sync,
      answer,
    ],
    [
      'the folder was, but before the log was there',
      'answered before the folder of the log was synced',
      opened[3]!,
      ...opened.slice(0, 3),
      request,
      logWrite,
      sync,
      answer,
    ],
    ['nothing was written', 'answered without having written anything', ...opened, request, sync, answer],
    [
      'what was written belongs to an earlier request',
      'answered without having written anything',
      ...opened,
      logWrite,
      sync,
      request,
      answer,
    ],
  ]
  for (const [name, expected, ...lines] of cases) test(name, () => assert.deepEqual(judge(...lines), [expected]))
})
