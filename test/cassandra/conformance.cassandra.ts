/** The engine on a real Cassandra keeps the contract: the same suite as the embedded engine's. */
import { after } from 'node:test'
import { conformance } from '@holdfast/engine/conformance'
import { CassandraEngine } from '@holdfast/engine-cassandra'
import { startCluster } from '../cluster/cluster.ts'
import type { Shape } from '../cluster/shapes.ts'
import { makeKeyspace } from './keyspaces.ts'

const shape = (process.env.HOLDFAST_CLUSTER ?? '1') as Shape
const cluster = await startCluster({ shape })
const keyspace = await makeKeyspace(cluster)
after(async () => {
  await keyspace[Symbol.asyncDispose]()
  await cluster[Symbol.asyncDispose]()
})

conformance(
  `cassandra (${shape})`,
  async ({ now }) => {
    const options = { ...keyspace.optionsIn(), now }
    let current = new CassandraEngine(options)
    return {
      engine: current,
      reopen: async () => {
        await current.close()
        current = new CassandraEngine(options)
        return current
      },
      close: async () => {
        await current.close()
        await keyspace.forget()
      },
    }
  },
  { durable: true },
)
