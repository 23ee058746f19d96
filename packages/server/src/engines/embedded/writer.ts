/**
 * The writer thread. It takes batches of writes from the serving thread, drains whatever has queued up meanwhile into one
 * group, commits it, answers, and only then tends the file: checkpoints and slices of the sweep, between which new
 * writes get their turn. Nothing here may throw: an uncaught error ends the thread, and with it every write in
 * flight is unconfirmed.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Commits } from './commits.ts'
import { connect } from './file.ts'
import type { FromWriter, Outcome, ToWriter, Write, WriterOptions } from './protocol.ts'

/** A group takes no further batch once it has so many writes or bytes. */
const GROUP_WRITES = 1000
const GROUP_BYTES = 16 * 1024 * 1024

if (parentPort === null) throw new Error('writer.ts is the entry of a worker thread')
const port = parentPort
const options = workerData as WriterOptions
const db = connect(options.file)
const commits = new Commits(db, options)
let sweepingAt: number | undefined

function say(kind: FromWriter['kind'], answers: FromWriter['answers'] = []): void {
  port.postMessage({ kind, answers, figures: commits.figures } satisfies FromWriter)
}

port.on('message', (first: ToWriter) => {
  const group: Write[] = []
  let bytes = 0
  let next: ToWriter | undefined = first
  while (next !== undefined) {
    if (next.kind !== 'writes') {
      commitGroup(group.splice(0))
      attend(next)
      return
    }
    for (const write of next.writes) bytes += sizeOf(write)
    group.push(...next.writes)
    const more = group.length < GROUP_WRITES && bytes < GROUP_BYTES
    next = more ? (receiveMessageOnPort(port)?.message as ToWriter | undefined) : undefined
  }
  commitGroup(group)
})

function commitGroup(group: readonly Write[]): void {
  if (group.length === 0) return
  const answers: (readonly [number, Outcome])[] = commits.run(group)
  say('answers', answers)
  tend(() => commits.checkpoint())
}

function attend(message: Exclude<ToWriter, { kind: 'writes' }>): void {
  switch (message.kind) {
    case 'sweep':
      if (sweepingAt === undefined) setImmediate(sweepSlice)
      sweepingAt = message.now
      return
    case 'ping':
      commits.probe()
      say('pong')
      return
    case 'close':
      tend(() => db.close())
      port.close()
  }
}

function sweepSlice(): void {
  if (sweepingAt === undefined || !db.isOpen) return
  let more = false
  tend(() => {
    more = commits.sweep(sweepingAt!)
    commits.checkpoint()
  })
  if (more) setImmediate(sweepSlice)
  else sweepingAt = undefined
  say('figures')
}

/** Work that nobody waits for: if it fails, health tells, and the next round tries again. */
function tend(work: () => void): void {
  try {
    work()
  } catch (error) {
    commits.note(error)
  }
}

function sizeOf(write: Write): number {
  if (write.kind === 'put') return write.sealed.length
  if (write.kind !== 'append') return 0
  return write.rows.reduce((sum, row) => sum + row.sealed.length, 0)
}

say('ready')
