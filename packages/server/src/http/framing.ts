/**
 * What is not a request: broken framing, heads that are too large, requests that never end. node tells of these as errors
 * of a connection; they are answered from the error table like everything else, in the order of the answers that the
 * connection is still owed, and the connection is closed. Nothing of the broken bytes is repeated.
 */
import { randomUUID } from 'node:crypto'
import type { Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { PROBLEMS, type ProblemCode } from '../common/problems.ts'
import type { Metrics } from './metrics.ts'
import { Peer } from './peer.ts'
import { rawProblem } from './problems.ts'

const CODES: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'head-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

export function answerBrokenFraming(server: Server, metrics: Metrics): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const peer = Peer.of(socket as TLSSocket)
    // Bytes after an answer that closes are not looked at. No peer: the handshake failed.
    if (peer?.closed) return
    if (peer === undefined || error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const code = CODES[error.code ?? ''] ?? 'bad_request'
    if (peer.incomplete !== undefined) {
      // The newest request is the broken one; it gets this as its answer, which closes.
      peer.retired = true
      peer.incomplete.stop(code === 'request-timeout' ? code : 'bad_request')
      return
    }
    peer.closed = true
    const { newest } = peer
    // What is broken may be the rest of a request that has its answer. Another would be taken for the answer to the next.
    const answered = newest !== undefined && !newest.req.complete
    const tell = () => (answered ? peer.socket.destroySoon() : refuse(peer.socket, code, metrics))
    if (newest === undefined || newest.writableFinished) tell()
    else newest.once('finish', tell)
  })

  // A tunnel is not a thing that is served here.
  server.on('connect', (_req, socket) => {
    const peer = Peer.of(socket as TLSSocket)
    if (peer === undefined || peer.closed || peer.owed > 0) {
      socket.destroy()
      return
    }
    peer.closed = true
    refuse(peer.socket, 'bad_request', metrics)
  })
}

function refuse(socket: TLSSocket, code: ProblemCode, metrics: Metrics): void {
  if (!socket.writable) return
  metrics.request('other', PROBLEMS[code].status, 0)
  socket.write(rawProblem(code, randomUUID()))
  socket.destroySoon()
}
