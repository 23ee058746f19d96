/** Faults between a client and whoever uses it: answers that are lost, late, or of a datacenter that is away. */
import type { Client, StoreClient } from '../../packages/client/src/index.ts'

/** This client, but its stores do what `change` says. */
export function altered(client: Client, change: (cells: StoreClient) => Partial<StoreClient>): Client {
  const store: Client['store'] = (...args) => {
    const cells = client.store(...args)
    return new Proxy(cells, {
      get(_cells, name) {
        const own = change(cells)[name as keyof StoreClient] ?? cells[name as keyof StoreClient]
        return own.bind(cells)
      },
    })
  }
  return new Proxy(client, {
    get: (_client, name) => (name === 'store' ? store : client[name as 'on'].bind(client)),
  })
}
