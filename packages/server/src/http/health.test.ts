import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Health } from './health.ts'

const fine = { health: async () => ({ ok: true as const }) }

describe('health', () => {
  it('is ready between start and stop, and only then', async () => {
    const health = new Health(fine)
    assert.equal(await health.ready(), false)
    health.started()
    assert.equal(await health.ready(), true)
    health.stopping()
    assert.equal(await health.ready(), false)
    assert.deepEqual(await health.checks(), [
      { name: 'serving', ok: false, problem: 'the server is stopping' },
      { name: 'engine', ok: true },
    ])
  })

  it('is what the engine says; a fault is not health, and tells nothing', async () => {
    const sick = new Health({ health: async () => ({ ok: false, problem: 'the disk is full' }) })
    sick.started()
    assert.deepEqual((await sick.checks())[1], { name: 'engine', ok: false, problem: 'the disk is full' })
    const broken = new Health({ health: () => Promise.reject(new Error('secret')) })
    broken.started()
    assert.deepEqual((await broken.checks())[1], { name: 'engine', ok: false, problem: 'it cannot be asked' })
  })

  it('does not wait for an engine that hangs', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const health = new Health({ health: () => new Promise(() => {}) })
    health.started()
    const ready = health.ready()
    t.mock.timers.tick(2000)
    assert.equal(await ready, false)
  })

  it('asks the engine once for many probes', async () => {
    let asked = 0
    const health = new Health({
      health: async () => {
        asked++
        return { ok: true }
      },
    })
    health.started()
    await Promise.all(Array.from({ length: 50 }, () => health.ready()))
    assert.equal(asked, 1)
  })
})
