/**
 * Clients that do not go on, do not listen or do not stay: the server must let go of each by its own timeouts, and a
 * connection cut at any byte must leave nothing behind.
 */
import { ownPath, ownValue, request, type Shape, type Step, type Target } from './attack.ts'
import { canary } from './canary.ts'
import type { Random } from './random.ts'

const raw = (text: string): Buffer => Buffer.from(text, 'latin1')

/** A valid request with a body, by length or in chunks. */
function writing(random: Random, id: number, target: Target): Buffer {
  const path = ownPath(target.stores.reusable, id, 'hidden-')
  const body = ownValue(id).repeat(random.between(1, 60))
  if (random.chance(0.5)) return request(target, { method: 'PUT', path, body })
  const headers = ['Transfer-Encoding: chunked']
  return request(target, { method: 'PUT', path, headers, body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` })
}

const hiddenKey = (id: number): string[] => [`hidden-${canary('key', id)}`]

/** Cut off before its last byte: never written, whatever the way it ends. */
function cut(random: Random, bytes: Buffer): Buffer {
  return bytes.subarray(0, random.between(1, bytes.length - 1))
}

/** Half a request, then silence. */
const silence: Shape = (random, id, target) => ({
  steps: [cut(random, writing(random, id, target))],
  answers: 1,
  stalls: true,
  forbidden: hiddenKey(id),
})

/** A connection on which nothing is ever said; a 408 is permitted. */
const mute: Shape = () => ({ steps: [], answers: 1, stalls: true })

/** One byte at a time, slower than any timeout allows in all. */
const dribble: Shape = (random, id, target) => {
  const bytes = writing(random, id, target)
  const start = random.pick([0, 10, bytes.indexOf('\r\n\r\n') + 4])
  const steps: Step[] = start > 0 ? [bytes.subarray(0, start)] : []
  // The last bytes are never sent.
  for (let at = start; at < Math.min(start + 80, bytes.length - 1); at++) steps.push(bytes.subarray(at, at + 1), 150)
  return { steps, answers: 1, stalls: true, forbidden: hiddenKey(id) }
}

/** A body that never ends: chunk after chunk, or headers after headers, with pauses below every idle timeout. */
const endless: Shape = (random, id, target) => {
  const path = ownPath(target.stores.reusable, id, 'hidden-')
  const open = `PUT ${path} HTTP/1.1\r\nHost: ${target.authority}\r\n`
  const [start, more] = random.pick([
    [`${open}Transfer-Encoding: chunked\r\n\r\n`, '5\r\nhello\r\n'],
    [`${open}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'X-Trailer: again\r\n'],
    [open, 'X-More: again\r\n'],
    [`${open}Content-Length: 4000\r\n\r\n`, 'v'],
  ] as const)
  const steps: Step[] = [raw(start)]
  for (let count = 0; count < 60; count++) steps.push(raw(more), random.between(100, 200))
  return { steps, answers: 1, stalls: true, forbidden: hiddenKey(id) }
}

/** Much asked and nothing read for a while: answers must not pile up in memory. */
const deaf: Shape = (random, id, target) => {
  const path = ownPath(target.stores.final, id)
  const value = ownValue(id)
  const write = request(target, { method: 'PUT', path, body: value + 'v'.repeat(target.limits.small - value.length) })
  const count = random.between(100, 300)
  const steps = [Buffer.concat([write, ...Array<Buffer>(count).fill(request(target, { path }))]), 1_500]
  return { steps, answers: count + 1, expect: [201], deaf: true }
}

/** Ended half-way: an answer or none, but the connection closes, and nothing is written. */
const halfClosed: Shape = (random, id, target) => ({
  steps: [cut(random, writing(random, id, target)), 'half-close'],
  answers: 1,
  forbidden: hiddenKey(id),
})

/** The end of our half right after a whole request: node takes it for the end of all interest, so the answer may be lost. */
const halfClosedAfter: Shape = (random, id, target) => {
  const path = ownPath(target.stores.final, id)
  const method = random.pick(['GET', 'PUT'] as const)
  const bytes = request(target, { method, path, ...(method === 'PUT' ? { body: ownValue(id) } : {}) })
  return { steps: [bytes, 'half-close'], answers: 1 }
}

/** Reset amid a request, or right after it while the answer is on its way. */
const reset: Shape = (random, id, target) => {
  const whole = request(target, { method: 'PUT', path: ownPath(target.stores.final, id), body: ownValue(id) })
  const many = Buffer.concat(Array(random.between(1, 30)).fill(whole))
  const steps: Step[] = [random.chance(0.5) ? many : cut(random, writing(random, id, target))]
  if (random.chance(0.5)) steps.push(random.between(0, 10))
  return { steps: [...steps, 'reset'], answers: 30, forbidden: hiddenKey(id) }
}

/** A whole request in many small writes is a request like any other. */
const pieces: Shape = (random, id, target) => {
  const bytes = request(target, { method: 'PUT', path: ownPath(target.stores.final, id), body: ownValue(id) })
  const steps: Step[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = random.between(1, 40)
    steps.push(bytes.subarray(at, at + length), 0)
    at += length
  }
  return { steps, answers: 1, expect: [201], tidy: true }
}

export const stalls = {
  silence,
  mute,
  dribble,
  endless,
  deaf,
  halfClosed,
  halfClosedAfter,
  reset,
  pieces,
} satisfies Record<string, Shape>
