/**
 * A certificate request (PKCS #10) is taken for one thing: the public key whose private half its maker has, which its
 * signature proves. Whatever else it asks for, a subject, names, the right to sign others, is not even read: names come
 * from the command line alone.
 */
import 'reflect-metadata'

import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import { Refused } from '../exit.ts'

const MAX_BYTES = 65_536
const BLOCK = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[^-]+-----END (?:NEW )?CERTIFICATE REQUEST-----/g
const STRONG = 'P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits'

/** The public key that the request proves, DER (SPKI). */
export async function keyOfRequest(file: string): Promise<Buffer> {
  if (statSync(file).size > MAX_BYTES) throw new Refused(`${file}: larger than ${MAX_BYTES} bytes`, 'Check the path.')
  const blocks = readFileSync(file, 'utf8').match(BLOCK) ?? []
  if (blocks.length !== 1) {
    throw new Refused(`${file}: holds ${blocks.length} certificate requests`, 'Give one, as PEM.')
  }
  let key: KeyObject
  let proven: boolean
  try {
    const request = new Pkcs10CertificateRequest(blocks[0]!)
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
    proven = isStrong(key) && (await request.verify())
  } catch {
    throw new Refused(`${file}: the certificate request is damaged`, 'Make it anew.')
  }
  if (!isStrong(key)) throw new Refused(`${file}: its key is weak, or of a kind not known here`, `Use ${STRONG}.`)
  if (!proven) {
    throw new Refused(`${file}: not signed by the key that it brings`, 'Make it anew, with the key that it is for.')
  }
  return key.export({ format: 'der', type: 'spki' })
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails: details = {} }: KeyObject): boolean {
  if (asymmetricKeyType === 'ec') return ['prime256v1', 'secp384r1'].includes(details.namedCurve ?? '')
  if (asymmetricKeyType !== 'rsa') return asymmetricKeyType === 'ed25519'
  const { modulusLength = 0, publicExponent = 0n } = details
  return modulusLength >= 2048 && modulusLength <= 4096 && publicExponent >= 65_537n
}
