/**
 * The yardstick: node:https with default options that answers every request with the same 1,536 bytes. It does nothing
 * else, so what a server costs beyond it is what that server's own work costs.
 *
 * `node constant-server.ts CERTIFICATE KEY AUTHORITY` listens on two free ports of 127.0.0.1 and prints
 * `constant ready PLAIN-PORT MUTUAL-PORT`: the first asks for no client certificate, the second demands one that the
 * authority issued. A PUT is answered 204 once its body has been read.
 */
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { VALUE_BYTES } from './workload.ts'

const [certificate, key, authority] = process.argv.slice(2).map((file) => readFileSync(file))
const body = Buffer.alloc(VALUE_BYTES, 'x')

const answer: RequestListener = (request, response) => {
  if (request.method === 'PUT') {
    request.resume().once('end', () => response.writeHead(204).end())
    return
  }
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': VALUE_BYTES }).end(body)
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const plain = await listen(createServer({ cert: certificate, key }, answer))
const mutual = await listen(
  createServer({ cert: certificate, key, ca: authority, requestCert: true, rejectUnauthorized: true }, answer),
)
console.log(`constant ready ${plain} ${mutual}`)
