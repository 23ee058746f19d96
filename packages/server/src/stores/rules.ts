/**
 * The rules of one store, as configured, and the space that its records live in. The space's id holds the store's path,
 * so renaming a store begins an empty one: records are sealed to their space and open nowhere else.
 */
import type { Atomicity, Space } from '@holdfast/engine'
import { sealedSize } from '../records/index.ts'

export interface StoreRules {
  /** The store's name and its place in the URL. */
  readonly path: string
  /** A key that was ended stays ended. */
  readonly final: boolean
  /** Conditions and takes need anything but `no`. */
  readonly atomic: Atomicity
  /** TTL of a write that asks for none, in seconds. */
  readonly ttl: number
  /** Longest TTL that a write may ask for, in seconds. */
  readonly maxTtl: number
  /** Largest value, in bytes. */
  readonly maxValue: number
  /** Whether DELETE waits for a quorum of every datacenter. */
  readonly logout: 'everywhere' | 'local'
  /** A write of the value already there is skipped while more than this share of its TTL remains; 1 = never skipped. */
  readonly skipUnchanged: number
}

export function storeSpace(rules: StoreRules): Space {
  return {
    id: `store:${rules.path}`,
    shape: 'cell',
    final: rules.final,
    atomic: rules.atomic,
    longestTtl: rules.maxTtl,
    maxSize: sealedSize(rules.maxValue),
  }
}
