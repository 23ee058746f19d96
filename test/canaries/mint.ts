/** Makes canaries and keeps them: every secret of a run, to be looked for in one pass. */
import { createPrivateKey, randomBytes } from 'node:crypto'
import type { Canary } from './scanner.ts'

export class Mint {
  readonly canaries: Canary[] = []

  /** Registers a secret that somebody else made; text stands for its bytes. */
  add(name: string, secret: string | Buffer): void {
    this.canaries.push({ name, bytes: Buffer.from(secret as string) })
  }

  /** 48 random bytes, over and over up to `size`. */
  bytes(name: string, size = 48): Buffer {
    const bytes = randomBytes(48)
    this.add(name, bytes)
    return Buffer.alloc(size, bytes)
  }

  /** 64 characters that a URL and a header can hold as they are. */
  text(name: string): string {
    const text = randomBytes(48).toString('base64url')
    this.add(name, text)
    return text
  }

  /** 48 random bytes as a key stands in a path: each as %XX. */
  escaped(name: string): string {
    return this.bytes(name).toString('hex').replace(/../g, '%$&')
  }

  /** The secret number of an elliptic private key, PEM. */
  privateKey(name: string, pem: string): void {
    const { d } = createPrivateKey(pem).export({ format: 'jwk' })
    this.add(name, Buffer.from(d as string, 'base64url'))
  }
}
