/** A TLS server that answers as a test tells it: any bytes, at any time, and it keeps what it was asked. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { inDays, issue, makeAuthority } from '../../server/src/cli/pki.ts'
import type { TlsOptions } from '../src/index.ts'

export const OK = 'HTTP/1.1 200 OK\r\nETag: "a"\r\nHoldfast-TTL: 9\r\nContent-Length: 5\r\n\r\nvalue'
export const DONE = 'HTTP/1.1 204 No Content\r\n\r\n'
export const WRITTEN = 'HTTP/1.1 201 Created\r\nETag: "b"\r\nContent-Length: 0\r\n\r\n'

export function problem(status: number, code: string, fields = ''): string {
  const body = JSON.stringify({ code, detail: 'as told' })
  return `HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** The value of a found answer, five characters long. */
export const found = (value: string) => OK.replace('value', value)

export interface Asked {
  readonly method: string
  readonly target: string
  /** X-Request-ID. */
  readonly id: string
}

/** As Holdfast answers this request: with its id. */
export const answering = ({ id }: Asked, text: string) => text.replace('\r\n', `\r\nX-Request-ID: ${id}\r\n`)

export class HostileServer {
  readonly port: number
  readonly url: string
  /** For its clients. */
  readonly tls: TlsOptions
  readonly #server: Server
  #round = 0
  /** Since the last `reset`, in all connections. */
  asked: Asked[] = []
  connections = 0
  /** Answers the nth request. */
  respond: (socket: TLSSocket, nth: number, asked: Asked) => void = () => {}
  greet: (socket: TLSSocket) => void = () => {}

  static async start(): Promise<HostileServer> {
    const authority = await makeAuthority('hostile', { notAfter: inDays(1) })
    const leaf = await issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
    const server = createServer({ cert: leaf.certificate, key: leaf.key })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new HostileServer(server, authority.certificate)
  }

  private constructor(server: Server, ca: string) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.url = `https://localhost:${this.port}`
    this.tls = { ca }
    server.on('secureConnection', (socket) => this.#serve(socket))
  }

  /** Forgets what was asked, and what connections of before still ask. */
  reset(): void {
    this.#round++
    this.asked = []
    this.connections = 0
    this.respond = () => {}
    this.greet = () => {}
  }

  get methods(): string[] {
    return this.asked.map(({ method }) => method)
  }

  close(): void {
    this.#server.close()
  }

  #serve(socket: TLSSocket): void {
    socket.on('error', () => {})
    const mine = this.#round
    this.connections++
    this.greet(socket)
    let text = ''
    socket.on('data', (chunk) => {
      if (mine !== this.#round) return
      text += chunk.toString('latin1')
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        const length = Number(/Content-Length: (\d+)/.exec(text.slice(0, end))?.[1] ?? 0)
        if (end < 0 || text.length < end + 4 + length) return
        const [method = '', target = ''] = text.split(' ', 2)
        const id = /X-Request-ID: (\S+)/.exec(text)?.[1] ?? ''
        text = text.slice(end + 4 + length)
        const asked = { method, target, id }
        this.asked.push(asked)
        this.respond(socket, this.asked.length, asked)
      }
    })
  }
}
