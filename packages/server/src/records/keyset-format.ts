/**
 * A keyset as text: one JSON object, wrapped by a passphrase, or, for development only, not wrapped.
 *
 * Wrapped: the keys are encrypted and authenticated under a key that scrypt makes from the passphrase and a new salt, so
 * an edited file does not open. A wrong passphrase and a damaged file look the same, and the message says so. Unwrapped:
 * whoever reads the text has the keys, and its check only notices damage. Whether a text is an old copy cannot be seen
 * here; the check cells see it.
 */
import { createSecretKey, type KeyObject, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { lp } from './encoding.ts'
import { KeysetError } from './errors.ts'
import { Keyset, SECRET_BYTES, type SealingKey } from './keyset.ts'
import { LABELS } from './labels.ts'
import { decrypt, encrypt, Mac, TAG_BYTES, ZERO_NONCE } from './primitives.ts'

/** What protects a keyset at rest: a passphrase (a string stands for its UTF-8), or nothing. */
export type Wrapping = { readonly passphrase: Uint8Array | string } | 'unwrapped'

const FORMAT = 'holdfast-keyset'
const VERSION = 1
const SALT_BYTES = 32
const CHECK_BYTES = 32
const RESTORE = 'Restore it from a backup.'
const ESCROW = 'Bring its passphrase from escrow, or the file from its backup: nothing else opens what is stored.'

/** 128 MiB and about half a second, once for each start: what each guess costs too. Part of the format. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 }
const runScrypt = promisify<Uint8Array | string, Uint8Array, number, typeof SCRYPT, Buffer>(scrypt)

type Json = Readonly<Record<string, unknown>>

export async function encodeKeyset(keyset: Keyset, wrapping: Wrapping): Promise<string> {
  const { room } = keyset
  const payload = Buffer.from(encodeKeys(keyset))
  const head = { format: FORMAT, version: VERSION, room }
  if (wrapping === 'unwrapped') {
    const check = checkOf(keyset, payload).toString('base64')
    return toText({ ...head, wrap: 'none', keys: payload.toString(), check })
  }
  const salt = randomBytes(SALT_BYTES)
  const key = await passphraseKey(wrapping.passphrase, salt)
  const { ciphertext, tag } = encrypt(key, ZERO_NONCE, wrappedHead(room), payload)
  const keys = Buffer.concat([ciphertext, tag]).toString('base64')
  return toText({ ...head, wrap: 'passphrase', salt: salt.toString('base64'), keys })
}

/** The keyset of `room`, or `KeysetError`. A text that is not wrapped is only accepted as `unwrapped`. */
export async function decodeKeyset(text: string, room: string, wrapping: Wrapping): Promise<Keyset> {
  const outer = parse(text)
  if (outer.format !== FORMAT)
    throw new KeysetError('this is no keyset file', 'Name a keyset file; `holdfast init` makes one.')
  if (outer.version !== VERSION) {
    throw new KeysetError(`keyset version ${outer.version}; only ${VERSION} can be read`, 'Update Holdfast.')
  }
  if (outer.room !== room) {
    throw new KeysetError(`this is the keyset of the ${outer.room}, not of the ${room}`, 'Name the right keyset file.')
  }
  return wrapping === 'unwrapped' ? openUnwrapped(outer, room) : openWrapped(outer, room, wrapping.passphrase)
}

async function openWrapped(outer: Json, room: string, passphrase: Uint8Array | string): Promise<Keyset> {
  if (outer.wrap === 'none') {
    throw new KeysetError(
      'this keyset is not wrapped, which only dev mode accepts',
      'Make a wrapped one: holdfast init FOLDER',
    )
  }
  const salt = fromBase64(outer.salt)
  const sealed = fromBase64(outer.keys)
  if (outer.wrap !== 'passphrase' || salt?.length !== SALT_BYTES || sealed === undefined || sealed.length < TAG_BYTES) {
    throw new KeysetError('damaged keyset: wrap, salt or keys is missing or misshapen', RESTORE)
  }
  const key = await passphraseKey(passphrase, salt)
  const tagAt = sealed.length - TAG_BYTES
  const payload = decrypt(key, ZERO_NONCE, wrappedHead(room), sealed.subarray(0, tagAt), sealed.subarray(tagAt))
  if (payload !== undefined) return decodeKeys(room, payload.toString())
  throw new KeysetError('the keyset does not open: wrong passphrase, or damaged', ESCROW)
}

function openUnwrapped(outer: Json, room: string): Keyset {
  if (outer.wrap === 'passphrase') {
    throw new KeysetError('the keyset is wrapped by a passphrase, and none was given', 'Name its passphrase file.')
  }
  const check = fromBase64(outer.check)
  if (outer.wrap !== 'none' || typeof outer.keys !== 'string' || check?.length !== CHECK_BYTES) {
    throw new KeysetError('damaged keyset: wrap, keys or check is missing or misshapen', RESTORE)
  }
  const keyset = decodeKeys(room, outer.keys)
  if (timingSafeEqual(checkOf(keyset, Buffer.from(outer.keys)), check)) return keyset
  throw new KeysetError('damaged keyset: the check does not match the keys', RESTORE)
}

/** The payload: what a wrapping protects. */
function encodeKeys({ addressKey, keys }: Keyset): string {
  const secretOf = (key: KeyObject) => key.export().toString('base64')
  const entries = keys.map(({ secret, ...rest }) => ({ ...rest, secret: secretOf(secret) }))
  return JSON.stringify({ addressKey: secretOf(addressKey), keys: entries })
}

function decodeKeys(room: string, text: string): Keyset {
  const { addressKey, keys } = parse(text)
  if (!Array.isArray(keys)) throw new KeysetError('damaged keyset: keys is no list', RESTORE)
  return new Keyset(room, secretFrom(addressKey), keys.map(decodeKey))
}

/** Only what a file can spell wrongly is checked here; what makes a good key, the keyset checks itself. */
function decodeKey(entry: Json | null): SealingKey {
  const { id, state, createdAt, demotedAt, secret } = entry ?? {}
  const demoted = demotedAt === undefined ? {} : { demotedAt: Number(demotedAt) }
  const known = { id: Number(id), state: state as SealingKey['state'], createdAt: Number(createdAt) }
  return { ...known, ...demoted, secret: secretFrom(secret) }
}

function secretFrom(value: unknown): KeyObject {
  const bytes = fromBase64(value)
  if (bytes?.length === SECRET_BYTES) return createSecretKey(bytes)
  throw new KeysetError(`damaged keyset: a key is not ${SECRET_BYTES} bytes in base64`, RESTORE)
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Json
  } catch {
    // A parser's message quotes what it read, which here may be keys.
  }
  throw new KeysetError('damaged keyset: it is no JSON object', RESTORE)
}

function toText(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** Standard base64 and nothing else; Buffer alone would skip what it does not know. */
function fromBase64(value: unknown): Buffer | undefined {
  const bytes = Buffer.from(String(value), 'base64')
  return bytes.toString('base64') === value ? bytes : undefined
}

/** Each passphrase and salt makes a key that encrypts once. */
async function passphraseKey(passphrase: Uint8Array | string, salt: Uint8Array): Promise<KeyObject> {
  return createSecretKey(await runScrypt(passphrase, salt, SECRET_BYTES, SCRYPT))
}

/** The associated data of a wrapped keyset; its label stands for format, version and wrapping. */
function wrappedHead(room: string): Buffer {
  return Buffer.concat([LABELS.wrappedKeyset, lp(Buffer.from(room))])
}

function checkOf({ room, addressKey }: Keyset, payload: Uint8Array): Buffer {
  const check = Buffer.alloc(CHECK_BYTES)
  new Mac('sha256', addressKey).digestInto(check, LABELS.unwrappedKeyset, lp(Buffer.from(room)), lp(payload))
  return check
}
