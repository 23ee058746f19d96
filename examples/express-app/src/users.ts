/** Stands for your own users: two of them, with their passwords hashed by scrypt, as you would keep them. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const hash = promisify<string, Buffer, number, Buffer>(scrypt)

async function record(password: string) {
  const salt = randomBytes(16)
  return { salt, hash: await hash(password, salt, 32) }
}
const users = new Map([
  ['alice', await record('wonderland')],
  ['bob', await record('builder')],
])
const nobody = await record(randomBytes(16).toString('hex'))

/** Takes the same time whether or not there is such a user. */
export async function checkPassword(name: string, password: string): Promise<boolean> {
  const known = users.get(name)
  const { salt, hash: wanted } = known ?? nobody
  const same = timingSafeEqual(await hash(password, salt, 32), wanted)
  return same && known !== undefined
}
