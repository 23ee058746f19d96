/**
 * Notices that files changed, by looking at them twice a second: at what their paths mean now, so that a symbolic link
 * which is turned to another folder (as Kubernetes does) is a change, too. Looking is cheap, works on every file system,
 * and needs no handle that could be lost; what it costs is half a second.
 *
 * A change is told when the files have rested for a moment, since certificate and key are written one after the other. A
 * file that is written more slowly is told of half-written: who reads it must refuse it, and is told again of the rest.
 */
import { stat } from 'node:fs/promises'
import type { Field } from '../config/fields.ts'
import { type Config, configFields } from '../config/schema.ts'

const POLL_MS = 500
/** For so long nothing may have changed any more, in ms. */
const REST_MS = 200

/** The files that a configuration names and the server reads. Those that it writes are not among them. */
export function readFilesOf({ engine: { cassandra }, audit, ...read }: Config): string[] {
  return [...new Set(filesOf({ ...read, engine: { cassandra } }, configFields))]
}

/** The values of all fields that are files. */
export function filesOf(value: unknown, field: Field | undefined): string[] {
  if (field === undefined || value === undefined) return []
  if (field.file) return [value as string]
  if (field.items !== undefined) return (value as unknown[]).flatMap((one) => filesOf(one, field.items))
  return Object.entries(field.properties ?? {}).flatMap(([name, inner]) => {
    return filesOf((value as Record<string, unknown>)[name], inner)
  })
}

export class FileWatch {
  readonly #changed: () => void
  #seen = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** `changed` is called after each change. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  /**
   * These and no other. A change is what happens to one from now on, or, if it was followed already, since it was looked
   * at last.
   */
  async follow(paths: Iterable<string>): Promise<void> {
    const found = await look(paths)
    for (const path of found.keys()) found.set(path, this.#seen.get(path) ?? found.get(path)!)
    this.#seen = found
  }

  /** Looks at all of them: they are about to be read. */
  async refresh(): Promise<void> {
    this.#seen = await look(this.#seen.keys())
  }

  start(): void {
    this.#later(POLL_MS)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #later(ms: number, before?: Map<string, string>): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => this.#poll(before), ms).unref()
  }

  async #poll(before: Map<string, string> | undefined): Promise<void> {
    const now = await look(this.#seen.keys())
    if (this.#stopped) return
    if (same(now, this.#seen)) this.#later(POLL_MS)
    else if (before === undefined || !same(now, before)) this.#later(REST_MS, now)
    else {
      this.#seen = now
      this.#changed()
      this.#later(POLL_MS)
    }
  }
}

async function look(paths: Iterable<string>): Promise<Map<string, string>> {
  const seen = [...paths].map(async (path) => {
    const found = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => error.code ?? 'fault')
    if (typeof found === 'string') return [path, found] as const
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = found
    return [path, [dev, ino, size, mode, mtimeNs, ctimeNs].join(' ')] as const
  })
  return new Map(await Promise.all(seen))
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, seen]) => b.get(path) === seen)
}
