/**
 * Reads what strace saw of a server and says, for each answer on one connection, whether it left before the bytes it
 * vouches for were on the disk.
 *
 * An answer may leave when every write to the write-ahead log has been covered: by an fsync or fdatasync of that file that
 * began after the write was over and that returned 0 before the answer's first byte was handed to the kernel. The folder
 * must have been synced too since the log was opened, or a power cut could lose the file's name.
 *
 * strace stops a thread before and after each call, so the order of its lines is the order of events: a thread that waits
 * for another cannot be seen first. What a disk does after fsync is the disk's word.
 */
import { dirname } from 'node:path'

/** The calls that strace has to show. */
export const TRACED_CALLS = [
  ...['read', 'readv', 'recvfrom', 'recvmsg', 'write', 'writev', 'sendto', 'sendmsg', 'sendmmsg', 'sendfile', 'splice'],
  ...['pwrite64', 'pwritev', 'pwritev2', 'fsync', 'fdatasync', 'openat'],
] as const

/** Asks for one line an event, with the path or the peers of each descriptor, and with none of the data. */
export const STRACE_OPTIONS: readonly string[] = ['-f', '-yy', '-s', '0', '-e', `trace=${TRACED_CALLS.join(',')}`]

const READS = new Set(['read', 'readv', 'recvfrom', 'recvmsg'])
const SYNCS = new Set(['fsync', 'fdatasync'])

interface Call {
  readonly name: string
  /** What the first descriptor stands for: a path, or `TCP:[server->client]`; of `openat`, what it opened. */
  readonly target: string
}

interface Event {
  readonly call: Call
  readonly at: 'begin' | 'end'
  /** Only at the end. Negative = failed. */
  readonly result?: number
}

const describeCall = (name: string, rest: string): Call => ({ name, target: /<(.*)>/.exec(rest)?.[1] ?? '' })

function* eventsOf(trace: string): Generator<Event> {
  const unfinished = new Map<string, Call>()
  for (const line of trace.split('\n')) {
    const [, thread, text] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (thread === undefined || text === undefined) continue
    const resumed = /^<\.\.\. \w+ resumed>.*= (-?\d+)/.exec(text)
    const begun = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(text)
    const whole = /^(\w+)\((.*)\) += (-?\d+|\?)(.*)$/.exec(text)
    if (resumed) {
      const call = unfinished.get(thread)
      if (call) yield { call, at: 'end', result: Number(resumed[1]) }
    } else if (begun) {
      const call = describeCall(begun[1]!, begun[2]!)
      unfinished.set(thread, call)
      yield { call, at: 'begin' }
    } else if (whole) {
      const call = describeCall(whole[1]!, whole[1] === 'openat' ? whole[4]! : whole[2]!)
      yield { call, at: 'begin' }
      // A thread that was killed in the call shows no result.
      if (whole[3] !== '?') yield { call, at: 'end', result: Number(whole[3]) }
    }
  }
}

/** One request, read, and its answer, of which at least the first byte was written. */
export interface Exchange {
  /** Calls that wrote to the write-ahead log between the request and its answer. */
  readonly logWrites: number
  /** Calls that wrote to it at any time before the answer, and that no sync covered. */
  readonly unsynced: number
  /** Whether the log's folder was synced since the log was first opened. */
  readonly named: boolean
}

/**
 * What happened on the connection from the client's `port`, in order; the handshake is the first exchange. `log`: the path
 * of the write-ahead log.
 */
export function exchangesOf(trace: string, port: number, log: string): Exchange[] {
  const exchanges: Exchange[] = []
  const unsynced = new Map<Call, 'begun' | 'over'>()
  const covers = new Map<Call, Call[]>()
  let opened = false
  let named = false
  let logWrites = 0
  let reading = false
  for (const { call, at, result } of eventsOf(trace)) {
    const isRead = READS.has(call.name)
    if (call.target.endsWith(`:${port}]`)) {
      if (isRead && at === 'end' && result! > 0) {
        if (!reading) logWrites = 0
        reading = true
      } else if (!isRead && at === 'begin' && reading) {
        exchanges.push({ logWrites, unsynced: unsynced.size, named })
        reading = false
      }
    } else if (call.target === log && SYNCS.has(call.name)) {
      if (at === 'begin')
        covers.set(
          call,
          [...unsynced.keys()].filter((write) => unsynced.get(write) === 'over'),
        )
      else if (result === 0) for (const write of covers.get(call)!) unsynced.delete(write)
    } else if (call.target === log && call.name === 'openat') {
      opened = true
    } else if (call.target === log && !isRead) {
      if (at === 'begin') logWrites++
      unsynced.set(call, at === 'begin' ? 'begun' : 'over')
    } else if (call.target === dirname(log) && SYNCS.has(call.name) && result === 0) {
      named = opened
    }
  }
  return exchanges
}

/** Why the answer to a write was given too early; undefined when it was not. */
export function complaint(exchange: Exchange): string | undefined {
  if (exchange.logWrites === 0) return 'answered without having written anything'
  if (exchange.unsynced > 0) return `answered before ${exchange.unsynced} writes to the log were synced`
  if (!exchange.named) return 'answered before the folder of the log was synced'
  return undefined
}
