/**
 * Saturation: wrk keeps 64 connections busy for some seconds, and procfs says what that cost the server and wrk itself.
 * wrk has no client certificates, so the server under test is met on its listener for basic secrets; the yardstick gets
 * the very same requests, that header included.
 */
import { resolve } from 'node:path'
import { runLoad } from './pinned.ts'
import { cpuSeconds, endedChildrenCpuSeconds } from './procfs.ts'
import { CONNECTIONS, checkRefused, KEY_PREFIX } from './workload.ts'

/** One round of one load. */
export interface Round {
  /** Requests per second. */
  readonly rate: number
  /** Microseconds of CPU that the server used per request, all threads. */
  readonly cpu: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Requests that were not answered 2xx. */
  readonly refused: number
  /** Share of its core that the load generator used: near 1, it was the limit, and the rate understates the server. */
  readonly loader: number
}

export interface WrkTarget {
  readonly pid: number
  readonly port: number
  /** The whole Authorization header. */
  readonly authorization: string
  /** Records to choose from. */
  readonly keys: number
  /** Percent of the requests that write. */
  readonly writes: number
}

/** Runs one round; a broken connection or more than a few refusals make it reject. */
export async function wrkRound(target: WrkTarget, seconds: number): Promise<Round> {
  const before = cpuSeconds(target.pid)
  const loaderBefore = endedChildrenCpuSeconds()
  const output = await runLoad('wrk', [
    ...['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', resolve(import.meta.dirname, 'wrk.lua')],
    `https://127.0.0.1:${target.port}${KEY_PREFIX}`,
    ...['--', String(target.keys), String(target.writes), target.authorization],
  ])
  const cpu = cpuSeconds(target.pid) - before
  const line = /^RESULT (.*)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk printed no result:\n${output}`)
  const { requests, microseconds, p50, p99, errors } = JSON.parse(line)
  // `status`: answers that were not 2xx; the others: connections that broke, or waited longer than two seconds.
  const { status: refused, ...broken } = errors
  if (requests === 0 || Object.values(broken).some((count) => count !== 0)) {
    throw new Error(`wrk: ${requests} requests, broken connections ${JSON.stringify(broken)}`)
  }
  checkRefused(refused, requests)
  return {
    rate: (requests / microseconds) * 1e6,
    cpu: (cpu / requests) * 1e6,
    p50: p50 / 1000,
    p99: p99 / 1000,
    refused,
    loader: (endedChildrenCpuSeconds() - loaderBefore) / (microseconds / 1e6),
  }
}
