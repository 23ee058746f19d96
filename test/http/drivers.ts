/**
 * The clients that are driven through the tables: undici in this process, the real curl as a process for each request, and
 * a raw TLS socket for what neither would send.
 */
import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type { Client } from '../support/client.ts'
import type { Server } from '../support/site.ts'
import type { Sender } from './case.ts'
import { head, Wire } from './wire.ts'

export interface Ask {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
  readonly chunked: boolean
  readonly as: Sender
}

export interface Answer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
}

export interface Driver {
  readonly name: 'undici' | 'curl' | 'raw'
  ask(ask: Ask): Promise<Answer>
}

const hasCurl = spawnSync('curl', ['--version']).status === 0

/** Why tests by this client are skipped, if they are. */
export function missing(name: Driver['name']): string | false {
  return name === 'curl' && !hasCurl && 'curl is missing'
}

/** Port and TLS options of a sender. */
export function doorOf({ site, ports }: Server, as: Sender): ConnectionOptions {
  const common = { host: '127.0.0.1', servername: 'localhost', ca: site.authority.certificate }
  if (as === 'basic') return { ...common, port: ports.basic! }
  const { certificate, key } = site.certificates[as]
  return { ...common, port: ports.public, cert: certificate, key }
}

export function undici(server: Server): Driver {
  const clients = new Map<Sender, Client>()
  return {
    name: 'undici',
    async ask({ method, target, headers, body, as }) {
      const client = clients.get(as) ?? (as === 'basic' ? server.basic() : server.client(as))
      clients.set(as, client)
      const answer = await client.ask(method, target, { headers, ...(body && { body }) })
      return { ...answer, headers: answer.headers as Answer['headers'] }
    },
  }
}

export function raw(server: Server): Driver {
  return {
    name: 'raw',
    async ask({ method, target, headers, body, chunked, as }) {
      const wire = await Wire.open(doorOf(server, as), method === 'HEAD')
      try {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
        if (chunked) lines.push('Transfer-Encoding: chunked')
        else if (body !== undefined) lines.push(`Content-Length: ${body.length}`)
        wire.send(head(method, target, ...lines))
        if (chunked) wire.send(Buffer.concat(body!.length > 0 ? [chunk(body!), chunk(END)] : [chunk(END)]))
        else if (body !== undefined) wire.send(body)
        const answer = await wire.answer()
        const { status, headers: answered } = answer
        return { status, headers: Object.fromEntries(answered), body: Buffer.from(answer.body, 'latin1') }
      } finally {
        wire.destroy()
      }
    },
  }
}

const END = Buffer.alloc(0)
const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

/** `-i` puts every head before the body, those of interim answers too. */
export function curl(server: Server): Driver {
  const { folder } = server.site
  let bodies = 0
  return {
    name: 'curl',
    async ask({ method, target, headers, body, chunked, as }) {
      const args = ['-q', '--silent', '--show-error', '--include', '--http1.1', '--path-as-is', '--globoff']
      args.push('--noproxy', '*', '--max-time', '30', '--cacert', join(folder, 'tls/ca.pem'))
      if (as !== 'basic') {
        args.push('--cert', join(folder, `tls/${as}.pem`), '--key', join(folder, `tls/${as}-key.pem`))
      }
      // With `-X HEAD` curl would wait for a body.
      args.push(...(method === 'HEAD' ? ['--head'] : ['-X', method]))
      for (const [name, value] of Object.entries(headers))
        args.push('-H', value === '' ? `${name};` : `${name}: ${value}`)
      if (chunked) args.push('-H', 'Transfer-Encoding: chunked')
      if (body !== undefined) {
        const file = `curl-body-${++bodies}`
        writeFileSync(join(folder, file), body, { mode: 0o600 })
        args.push('--data-binary', `@${join(folder, file)}`)
      }
      const origin = `https://localhost:${as === 'basic' ? server.ports.basic : server.ports.public}`
      // What is no path of a URL, or would lose its end as one, is given beside the URL.
      const isPath = target.startsWith('/') && !/#|\?$/.test(target)
      args.push(...(isPath ? [`${origin}${target}`] : ['--request-target', target, origin]))
      return parse(await run(args))
    },
  }
}

function run(args: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    execFile('curl', args, { encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`curl ended with ${error.code}: ${stderr}`))
    })
  })
}

function parse(output: Buffer): Answer {
  const end = output.indexOf('\r\n\r\n')
  const [line, ...fields] = output.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line!)?.[1])
  const rest = output.subarray(end + 4)
  if (status < 200) return parse(rest)
  const headers = fields.map((field) => {
    const colon = field.indexOf(':')
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
  })
  return { status, headers: Object.fromEntries(headers), body: rest }
}
