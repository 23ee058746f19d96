/**
 * The kinds of values a configuration is made of, as TypeBox schemas with a few keywords of our own: `unit` (a duration
 * or a size, written as in ./units.ts), `file` (a path, taken relative to the configuration file), `sample` (what the
 * commented configuration shows instead of the default), `shown` (it is switched on there although it may be absent). A key without a default is required unless it is
 * `Type.Optional`; ./read.ts fills the defaults in, which is why they stay required in the static type.
 */
import Type, { type TSchema } from 'typebox'
import type { Unit } from './units.ts'

/** What every field says of itself. */
interface Said<T> {
  readonly description: string
  readonly default?: T
  /** Shown in the commented configuration. */
  readonly sample?: unknown
  readonly shown?: true
}

interface Ranged extends Said<string> {
  /** Both ends are allowed, and are written like the value: `1s`, `4MiB`. */
  readonly from: string
  readonly to: string
}

/** A schema as the reader, the sample and the reference walk it. */
export interface Field extends TSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly description?: string
  readonly default?: unknown
  readonly sample?: unknown
  readonly shown?: true
  readonly properties?: Readonly<Record<string, Field>>
  readonly required?: readonly string[]
  readonly items?: Field
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly pattern?: string
  readonly form?: string
  readonly unit?: Unit
  readonly from?: string
  readonly to?: string
  readonly file?: true
  readonly hidden?: true
  readonly developmentOnly?: true
}

export const duration = (said: Ranged) => Type.Number({ ...said, unit: 'milliseconds' })
export const seconds = (said: Ranged) => Type.Number({ ...said, unit: 'seconds' })
export const size = (said: Ranged) => Type.Number({ ...said, unit: 'bytes' })
export const count = (said: Said<number> & { minimum: number; maximum: number }) => Type.Integer({ ...said })
export const share = (said: Said<number> & { minimum: number; maximum: number }) => Type.Number({ ...said })
export const file = (said: Said<string>) => Type.String({ ...said, file: true })

/** `form` says in words what `pattern` wants. `hidden`: the value may be a secret by mistake, so no message repeats it. */
export const text = (said: Said<string> & { pattern?: string; form?: string; hidden?: true }) =>
  Type.String({ ...said })
export const choice = <const T extends readonly string[]>(values: T, said: Said<T[number]>) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values, ...said })
