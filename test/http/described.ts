/** Finds each answer in the API's own description (/openapi.json), so that what clients generate from it holds. */
import assert from 'node:assert/strict'
import type { Answer, Ask } from './drivers.ts'

interface Response {
  readonly description: string
  readonly headers?: Record<string, unknown>
  readonly content?: Record<string, unknown>
}
type Operation = { readonly responses: Record<string, Response> }

/** Headers that mean something to a client of this API; all others are HTTP's own. */
const OURS = ['etag', 'holdfast-ttl', 'retry-after', 'allow', 'www-authenticate', 'preference-applied']
const STORE = '/{store}/v1/{key}'
const IS_STORE = /^(?:https?:\/\/[^/?]*)?\/[^/?]+\/v1\/[^/?]+(?:\?.*)?$/

export class Described {
  readonly #operations: Record<string, Operation>
  /** Answers that were found: method, status, and the code of a problem. */
  readonly found = new Set<string>()

  constructor(document: { paths: Record<string, Record<string, Operation>> }) {
    this.#operations = document.paths[STORE]!
  }

  /** Fails if the answer is not described. What is not a store's is left out. */
  expect({ method, target }: Ask, { status, headers, body }: Answer): void {
    if (!IS_STORE.test(target)) return
    // Methods that are not served are answered alike under each that is.
    const name = method.toLowerCase() in this.#operations ? method.toLowerCase() : 'get'
    const response = this.#operations[name]!.responses[status]
    const what = `${method} ${status}`
    assert.ok(response !== undefined, `${what} is not described`)
    const described = new Set(Object.keys(response.headers ?? {}).map((header) => header.toLowerCase()))
    for (const header of OURS) {
      if (headers[header] !== undefined) assert.ok(described.has(header), `${header} of ${what} is not described`)
    }
    // Only for a request that had one: ./expect.ts looks at that.
    described.delete('x-request-id')
    for (const header of described)
      assert.ok(headers[header] !== undefined || status >= 400, `${what} has no ${header}`)
    const types = Object.keys(response.content ?? {})
    const type = headers['content-type']
    if (name !== 'head' || status !== 200) assert.deepEqual(types, type === undefined ? [] : [type], what)
    if (status < 400 || method === 'HEAD') {
      this.found.add(what)
      return
    }
    const { code } = JSON.parse(body.toString())
    assert.ok(response.description.includes(`\`${code}\``), `${code} is not described for ${what}`)
    this.found.add(`${what} ${code}`)
  }
}
