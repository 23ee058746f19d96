/** `npm run docs`: writes the pages of docs/reference/ anew. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { referencePages } from './reference.ts'

const folder = resolve(import.meta.dirname, '../docs/reference')
mkdirSync(folder, { recursive: true })
for (const [file, text] of await referencePages()) {
  writeFileSync(resolve(folder, file), text)
  console.log(`docs/reference/${file}`)
}
