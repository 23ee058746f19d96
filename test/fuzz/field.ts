/**
 * The field of a run: the real server with short patience, its stores with limits that can be reached quickly, guards
 * that must survive, and who attacks and who looks on.
 */
import { createSecureContext } from 'node:tls'
import { type Server, Site } from '../support/site.ts'
import type { Target } from './attack.ts'
import { canary } from './canary.ts'
import type { Door } from './line.ts'
import { INSPECTABLE, Monitor } from './vitals.ts'
import { type Testimony, watch } from './witness.ts'

const LIMITS = { keyBytes: 4_096, headBytes: 16_384, small: 64 * 1024, large: 4 * 1024 * 1024 }
const GUARDS = 100
/** Owners of canaries that are no attacks: numbers that no run reaches. */
const GUARD_OWNER = 0x4000_0000

const guardValue = (index: number): string => canary('value', GUARD_OWNER + index)

export class Field {
  readonly site: Site
  readonly server: Server
  readonly target: Target
  readonly monitor: Monitor

  private constructor(site: Site, server: Server, monitor: Monitor) {
    this.site = site
    this.server = server
    this.monitor = monitor
    this.target = {
      authority: `localhost:${server.ports.public}`,
      stores: { final: 'sessions', reusable: 'echoseen', large: 'large' },
      limits: LIMITS,
      guards: Array.from({ length: GUARDS }, (_, index) => canary('key', GUARD_OWNER + index)),
    }
  }

  static async make(): Promise<Field> {
    const site = await Site.make((draft) => {
      draft.stores[0].maxValue = LIMITS.small
      draft.stores.push({ path: 'large', maxValue: LIMITS.large }, { path: 'witnessed' })
      draft.grants[0].stores.push('large')
      const everything = ['read', 'write', 'end']
      draft.grants.push({ callers: ['spiffe://example.org/reader'], stores: ['witnessed'], operations: everything })
      draft.timeouts = { handshake: '3s', head: '2s', request: '4s', keepAlive: '1m' }
    })
    const server = await site.start({ NODE_OPTIONS: INSPECTABLE })
    return new Field(site, server, await Monitor.attach(server.program))
  }

  /** Where attackers knock, as a caller who may do everything to the stores under attack. */
  get door(): Door {
    const { certificate: cert, key } = this.site.certificates.all
    return { host: '127.0.0.1', port: this.server.ports.public, context: createSecureContext({ cert, key }) }
  }

  /** The witness is another caller and comes from another address. Ends it by what it returns. */
  witness(owner: number): () => Promise<Testimony> {
    const { certificate, key } = this.site.certificates.reader
    const ca = this.site.authority.certificate
    const connect = { ca, cert: certificate, key, localAddress: '127.0.0.2', servername: 'localhost' }
    return watch({ origin: `https://127.0.0.1:${this.server.ports.public}`, connect, store: 'witnessed', owner })
  }

  async plantGuards(): Promise<void> {
    const client = this.server.client('all')
    for (const [index, key] of this.target.guards.entries()) {
      const { status } = await client.put(`/${this.target.stores.reusable}/v1/${key}`, guardValue(index))
      if (status !== 201) throw new Error(`planting a guard: ${status}`)
    }
    await client.close()
  }

  /** What is wrong with the keys: guards that are gone or changed, forbidden ones that are there, written ones that are not. */
  async searchKeys(forbidden: readonly string[], written: readonly string[]): Promise<string[]> {
    const client = this.server.client('all', 8)
    const faults: string[] = []
    const look = async (key: string, what: string, right: (status: number, body: string) => boolean) => {
      const { status, body } = await client.get(`/${this.target.stores.reusable}/v1/${key}`)
      if (!right(status, body.toString())) faults.push(`${what} key ${key}: ${status}`)
    }
    const looks = [
      ...this.target.guards.map((key, index) => () => look(key, 'guard', (_, body) => body === guardValue(index))),
      ...forbidden.map((key) => () => look(key, 'forbidden', (status) => status === 404)),
      ...written.map((key) => () => look(key, 'written', (status) => status === 200)),
    ]
    let next = 0
    const lookOn = async () => {
      for (let at = next++; at < looks.length; at = next++) await looks[at]!()
    }
    await Promise.all(Array.from({ length: 8 }, lookOn))
    await client.close()
    return faults
  }

  async close(): Promise<void> {
    await this.server.stop()
    this.site.remove()
  }
}
