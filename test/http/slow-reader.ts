/**
 * A client that asks for more than the sockets hold and reads nothing of it, until it is told to. By then the server has
 * answered everything, as far as it goes: the answers wait in the process, one behind the other.
 */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Server } from '../support/site.ts'
import { figure } from './metrics.ts'
import { head, Wire } from './wire.ts'

const VALUE = 'x'.repeat(900_000)

export class SlowReader {
  readonly requests = 20
  readonly #socket: TLSSocket

  private constructor(socket: TLSSocket) {
    this.#socket = socket
  }

  /** `at` belongs to a caller that may read and write `sessions`. Nobody else may read meanwhile. */
  static async start(server: Server, at: ConnectionOptions): Promise<SlowReader> {
    const writer = await Wire.open(at)
    const put = head('PUT', '/sessions/v1/large', `Content-Length: ${VALUE.length}`)
    const { status } = await writer.send(put + VALUE).answer()
    if (status !== 201) throw new Error(`the value could not be written: ${status}`)
    writer.destroy()
    const reader = new SlowReader(connect(at))
    await once(reader.#socket, 'secureConnect')
    reader.#socket.pause()
    const answered = () => figure(server, 'http_requests_total', { code: '200', method: 'GET' })
    const before = await answered()
    reader.#socket.write(head('GET', '/sessions/v1/large').repeat(reader.requests))
    while ((await answered()) < before + reader.requests) await pause(10)
    return reader
  }

  /** Reads until the server ends the connection: how many whole answers came. */
  async rest(): Promise<{ answers: number; ended: boolean }> {
    let text = ''
    for await (const chunk of this.#socket) text += (chunk as Buffer).toString('latin1')
    return { answers: text.split(VALUE).length - 1, ended: this.#socket.readableEnded }
  }
}
