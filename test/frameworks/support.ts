/** Real frameworks and a real server, for the tests of this folder. */
import { createHash } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Client, createClient, LogoutPendingError } from '../../packages/client/src/index.ts'
import { altered } from '../support/altered.ts'
import { type Draft, type Server, Site } from '../support/site.ts'
import { installFrameworks } from './install.ts'

installFrameworks()

/** A server with a client of it; both end with the test that made them. */
export class Backend implements AsyncDisposable {
  readonly site: Site
  server: Server
  readonly client: Client

  private constructor(site: Site, server: Server, client: Client) {
    this.site = site
    this.server = server
    this.client = client
  }

  static async start(change: (draft: Draft) => void = () => {}): Promise<Backend> {
    const site = await Site.make(change)
    const server = await site.start()
    const { certificate: cert, key } = site.certificates.all
    const url = `https://localhost:${server.ports.public}`
    return new Backend(site, server, createClient({ url, tls: { ca: site.authority.certificate, cert, key } }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.server.stop()
    this.site.remove()
  }
}

/** An application that listens on loopback, and a browser of it that keeps cookies. */
export class Application implements AsyncDisposable {
  readonly #server: ReturnType<typeof createServer>
  readonly origin: string

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(listener: RequestListener): Promise<Application> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    return new Application(server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** The key of what an adapter stores under a name. */
export function keyOf(prefix: string, name: string): string {
  return createHash('sha256').update(prefix).update(name).digest('base64url')
}

/** A client for which every end is one here, and elsewhere not confirmed. */
export function pending(client: Client): Client {
  return altered(client, (cells) => ({
    async end(key) {
      await cells.end(key)
      throw new LogoutPendingError('logout-pending', 'a datacenter is away')
    },
  }))
}

export class Browser {
  readonly #origin: string
  readonly cookies = new Map<string, string>()
  /** The last `Set-Cookie`, whole. */
  lastCookie = ''

  constructor(origin: string) {
    this.#origin = origin
  }

  async ask(path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(this.#origin + path, {
      ...init,
      headers: { ...init.headers, cookie },
      redirect: 'manual',
    })
    for (const line of answer.headers.getSetCookie()) {
      this.lastCookie = line
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      if (/expires=Thu, 01 Jan 1970|max-age=0(;|$)/i.test(line)) this.cookies.delete(name!)
      else this.cookies.set(name!, value!)
    }
    return { status: answer.status, text: await answer.text() }
  }
}
