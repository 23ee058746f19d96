/** Runs one round of the open loop: the loader in a process of its own on the load's core. */
import { resolve } from 'node:path'
import type { LoaderOptions, LoaderResult } from './loader.ts'
import { runLoad } from './pinned.ts'
import { checkRefused } from './workload.ts'

/** A large young generation keeps the loader's own garbage collection out of the latencies it measures. */
const NODE_OPTIONS = ['--max-semi-space-size=64']

export async function openLoopRound(options: LoaderOptions): Promise<LoaderResult> {
  const loader = resolve(import.meta.dirname, 'loader.ts')
  const output = await runLoad(process.execPath, [...NODE_OPTIONS, loader, JSON.stringify(options)])
  const result: LoaderResult = JSON.parse(output)
  checkRefused(result.refused, result.reads + result.writes + result.refused, result.codes)
  return result
}
