/**
 * The suite that holds any engine to the contract. Call `conformance` in a `node:test` file:
 *
 *     conformance('memory', async ({ now, monotonic }) => {
 *       const engine = new MemoryEngine({ now, monotonic })
 *       return { engine, close: () => engine.close() }
 *     }, { durable: false })
 *
 * It does not test what only the storage can do: losing a node, filling a disk, dying between acknowledgement and
 * reopening. Those tests belong to the engine.
 */
import { describe } from 'node:test'
import { testCells } from './cells.ts'
import { testConcurrency } from './concurrency.ts'
import { testConditions } from './conditions.ts'
import { testExpiry } from './expiry.ts'
import { testFinality } from './finality.ts'
import type { Make } from './harness.ts'
import { testLifecycle, testReopening } from './lifecycle.ts'
import { testModels } from './model.ts'
import { testRows } from './rows.ts'
import { testRules } from './rules.ts'

export type { Make, Subject } from './harness.ts'

/**
 * Registers the whole suite for the engines that `make` makes. `durable`: they keep what they acknowledged, and their
 * subjects can be reopened.
 */
export function conformance(name: string, make: Make, { durable }: { readonly durable: boolean }): void {
  describe(`conformance of the ${name} engine`, () => {
    describe('rules of spaces', () => testRules(make))
    describe('cells', () => testCells(make))
    describe('finality', () => testFinality(make))
    describe('conditions and takes', () => testConditions(make))
    describe('expiry', () => testExpiry(make))
    describe('row lists', () => testRows(make))
    describe('concurrency', () => testConcurrency(make))
    describe('lifecycle', () => {
      testLifecycle(make)
      if (durable) testReopening(make)
    })
    describe('against a model', () => testModels(make))
  })
}
