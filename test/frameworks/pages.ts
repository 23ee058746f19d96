/**
 * A guide as files: its `ts` blocks are written into a folder beside the frameworks, checked by the compiler, and run on a
 * server whose stores are those of its `yaml` block.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { type Block, blocksOf } from '../support/guide.ts'
import { ROOT } from '../support/process.ts'
import { Backend } from './support.ts'

const OPTIONS = {
  ...{ strict: true, noEmit: true, skipLibCheck: true, exactOptionalPropertyTypes: true },
  ...{ target: 'esnext', types: ['node'], allowImportingTsExtensions: true },
}

/** Checks the types of files in this folder, with the packages that are found from there, as Node or a bundler finds them. */
export function checkTypes(folder: string, files: readonly string[], finder: 'node' | 'bundler' = 'node'): void {
  const config = join(folder, 'tsconfig.check.json')
  const typeRoots = [join(ROOT, 'node_modules/@types')]
  const module = finder === 'node' ? 'nodenext' : 'preserve'
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...OPTIONS, module, typeRoots }, files }))
  const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', config], { encoding: 'utf8' })
  rmSync(config)
  assert.equal(status, 0, stdout)
}

export class Guide implements AsyncDisposable {
  readonly folder: string
  readonly backend: Backend

  private constructor(folder: string, backend: Backend) {
    this.folder = folder
    this.backend = backend
  }

  /** `elsewhere`: files that another test checks. */
  static async open(page: string, elsewhere: readonly string[] = []): Promise<Guide> {
    const blocks = blocksOf(resolve(ROOT, 'docs/guides', page))
    const code = blocks.filter(({ language }) => language === 'ts')
    const nameless = code.filter(({ file }) => file === undefined)
    assert.deepEqual(
      nameless.map(({ title }) => title),
      [],
      'blocks that are no file',
    )
    const files = code.filter(({ file }) => !elsewhere.includes(file!)) as (Block & { file: string })[]
    const [stores] = blocks.filter(({ language }) => language === 'yaml').map(({ body }) => parse(body).stores)
    const backend = await Backend.start((draft) => {
      draft.stores = stores
      const operations = ['read', 'write', 'end']
      draft.grants = [
        { callers: draft.grants[0].callers, stores: stores.map((store: { path: string }) => store.path), operations },
      ]
    })
    const guide = new Guide(mkdtempSync(join(import.meta.dirname, '.guide-')), backend)
    try {
      guide.#fill(files)
      return guide
    } catch (error) {
      await guide.#close()
      throw error
    }
  }

  #fill(files: readonly (Block & { file: string })[]): void {
    mkdirSync(join(this.folder, '.holdfast/tls'), { recursive: true })
    for (const [to, from] of Object.entries({ ca: 'ca', client: 'all', 'client-key': 'all-key' })) {
      copyFileSync(join(this.backend.site.folder, `tls/${from}.pem`), join(this.folder, `.holdfast/tls/${to}.pem`))
    }
    const port = String(this.backend.server.ports.public)
    for (const { file, body } of files) this.write(file, body.replaceAll('8443', port))
    checkTypes(
      this.folder,
      files.map(({ file }) => file),
    )
  }

  write(file: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, file), content)
  }

  replace(file: string, old: string, by: string): void {
    const text = readFileSync(join(this.folder, file), 'utf8')
    assert.ok(text.includes(old))
    this.write(file, text.replaceAll(old, by))
  }

  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what it is
  load(file: string): Promise<any> {
    return import(join(this.folder, file))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.load('holdfast.ts')).client.close()
    await this.#close()
  }

  async #close(): Promise<void> {
    await this.backend[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true })
  }
}
