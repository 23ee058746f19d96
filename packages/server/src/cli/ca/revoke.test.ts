/** Revocation, and what commands that run at the same time do to each other: nothing. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdfast, MAIN, must, noTerminal, run, temporary } from '../../../test/cli.ts'
import { readAuthorities } from '../../access/authorities.ts'
import { openCa } from './folder.ts'
import { addLine, type Known, readRecord } from './record.ts'
import { writeRevocationList } from './revocations.ts'

const serialOf = (folder: string, file: string) => new X509Certificate(readFileSync(join(folder, file))).serialNumber

/** The list's number and serials, as OpenSSL reads them, once it has verified it. */
async function list(folder: string): Promise<{ number: bigint; serials: string[] }> {
  const args = ['crl', '-in', 'ca/ca.crl', '-CAfile', 'ca/ca.pem', '-noout', '-text']
  const { stdout, stderr } = await must(run(folder, 'openssl', ...args))
  assert.match(stderr, /verify OK/)
  const number = BigInt(/X509v3 CRL Number: \n\s+(\d+)/.exec(stdout)![1]!)
  return { number, serials: [...stdout.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, serial]) => serial!) }
}

async function isGood(folder: string, file: string): Promise<boolean> {
  const args = ['verify', '-crl_check', '-CAfile', 'ca/ca.pem', '-CRLfile', 'ca/ca.crl', file]
  const { code, stderr } = await run(folder, 'openssl', ...args)
  if (code !== 0) assert.match(stderr, /certificate revoked/)
  return code === 0
}

test('two revocations, by file and by serial number, stay on the list; the third certificate is good', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  for (const name of ['a', 'b', 'c']) await must(holdfast(folder, 'ca', 'issue', `dns:${name}`))
  const fresh = await list(folder)
  assert.deepEqual(fresh.serials, [])
  await must(holdfast(folder, 'ca', 'revoke', 'a.pem', '--yes'))
  const first = await list(folder)
  assert.deepEqual(first.serials, [serialOf(folder, 'a.pem')])
  const spelled = serialOf(folder, 'b.pem').replace(/..(?=.)/g, '$&:')
  await must(holdfast(folder, 'ca', 'revoke', spelled, '--yes'))
  const second = await list(folder)
  assert.deepEqual(second.serials.sort(), [serialOf(folder, 'a.pem'), serialOf(folder, 'b.pem')].sort())
  assert.ok(fresh.number < first.number && first.number < second.number, 'later lists have higher numbers')
  assert.deepEqual(await Promise.all(['a.pem', 'b.pem', 'c.pem'].map((file) => isGood(folder, file))), [
    false,
    false,
    true,
  ])

  const again = await must(holdfast(folder, 'ca', 'revoke', 'a.pem', '--yes'))
  assert.match(again.stdout, /already revoked on /)
  await must(holdfast(folder, 'ca', 'issue', 'dns:d'))
  assert.equal((await list(folder)).serials.length, 2, 'an issue writes the list anew, with all of it')
  const [read] = await readAuthorities([
    { name: 'own', certificate: join(folder, 'ca/ca.pem'), crl: join(folder, 'ca/ca.crl'), vouchesFor: ['dns:a'] },
  ]).catch((error) => [error])
  assert.match(read.message, /its key is beside its certificate/)
})

test('a name is revoked as a whole: the certificate that was renewed and the new one', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'spiffe://example.org/wiki'))
  const old = serialOf(folder, 'wiki.pem')
  await must(holdfast(folder, 'ca', 'renew', 'wiki.pem'))
  await must(holdfast(folder, 'ca', 'revoke', 'spiffe://example.org/wiki', '--yes'))
  assert.deepEqual((await list(folder)).serials.sort(), [old, serialOf(folder, 'wiki.pem')].sort())
})

test('it cannot be undone, so it is confirmed: by --yes, or by a person', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
  const before = readFileSync(join(folder, 'ca/issued.jsonl'), 'utf8')
  const { code, stderr } = await holdfast(folder, 'ca', 'revoke', 'a.pem')
  assert.equal(code, 2)
  assert.match(stderr, /[0-9a-f]{32} {2}dns:a {2}until .*\nholdfast: revoke cannot be undone: confirm it by --yes/)
  assert.equal(readFileSync(join(folder, 'ca/issued.jsonl'), 'utf8'), before)
})

test('a person at a terminal is asked, and may say no', {
  skip: noTerminal,
}, async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
  const answered = (answer: string) =>
    run(folder, 'sh', '-c', `echo ${answer} | script -qec "${process.execPath} ${MAIN} ca revoke a.pem" /dev/null`)
  const no = await answered('n')
  assert.match(no.stdout, /Revoke, which cannot be undone\? \[y\/N\]/)
  assert.deepEqual((await list(folder)).serials, [])
  await answered('y')
  assert.deepEqual((await list(folder)).serials, [serialOf(folder, 'a.pem')])
})

test('who is not known is not revoked; a near miss is told', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'init', 'other'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:wiki'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:foreign', '--ca', 'other'))
  for (const [what, says] of [
    ['dns:wikki', /Did you mean dns:wiki\?/],
    ['00ff', /no serial number, name or file/],
    ['foreign.pem', /not issued by the authority/],
    ['ca.passphrase', /not a certificate/],
  ] as const) {
    const { code, stderr } = await holdfast(folder, 'ca', 'revoke', what, '--yes')
    assert.equal(code, 3, what)
    assert.match(stderr, says)
  }
  assert.deepEqual((await list(folder)).serials, [])
})

test('commands at the same time lose nothing of each other', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  await Promise.all(names.map((name) => must(holdfast(folder, 'ca', 'issue', `dns:${name}`))))
  const known = () => readRecord(join(folder, 'ca/issued.jsonl'))
  const serials = (some: readonly Known[]) => some.map(({ serial }) => serial.toUpperCase()).sort()
  assert.deepEqual(serials(known()), names.map((name) => serialOf(folder, `${name}.pem`)).sort())
  const gone = names.slice(0, 4)
  await Promise.all([
    ...gone.map((name) => must(holdfast(folder, 'ca', 'revoke', `${name}.pem`, '--yes'))),
    must(holdfast(folder, 'ca', 'renew')),
    must(holdfast(folder, 'ca', 'issue', 'dns:g')),
  ])
  assert.deepEqual((await list(folder)).serials.sort(), gone.map((name) => serialOf(folder, `${name}.pem`)).sort())
  assert.equal(known().filter(({ revokedAt }) => revokedAt !== undefined).length, 4)
})

test('a revocation that comes while a list is being signed is on the list all the same', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
  const ca = await openCa({ ca: join(folder, 'ca') })
  const writing = writeRevocationList(ca)
  const serial = serialOf(folder, 'a.pem')
  addLine(ca.at.record, { event: 'revoked', at: new Date().toISOString(), serial: serial.toLowerCase() })
  await writing
  assert.deepEqual((await list(folder)).serials, [serial])
})

for (const what of ['dns:a', 'a.pem']) {
  test(`what is renewed while a person is asked is revoked, too: ${what}`, { skip: noTerminal }, async (t) => {
    const folder = temporary(t)
    await must(holdfast(folder, 'ca', 'init'))
    await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
    const old = serialOf(folder, 'a.pem')
    const words = `${process.execPath} ${MAIN} ca revoke ${what}`
    const person = spawn('script', ['-qec', words, '/dev/null'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
    let said = ''
    await new Promise<void>((asked) => {
      person.stdout.on('data', (chunk) => {
        said += chunk
        if (said.includes('[y/N]')) asked()
      })
    })
    await must(holdfast(folder, 'ca', 'renew', 'a.pem'))
    person.stdin.end('y\n')
    await once(person, 'close')
    assert.deepEqual((await list(folder)).serials.sort(), [old, serialOf(folder, 'a.pem')].sort())
    assert.ok([old, serialOf(folder, 'a.pem')].every((serial) => said.includes(serial.toLowerCase())))
  })
}

test('what is revoked while it is renewed stays revoked, and nothing new takes its place', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'caller', 'add', 'dns:a'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a', '--csr', 'a.csr'))
  const before = readFileSync(join(folder, 'a.pem'), 'utf8')
  await must(run(folder, 'mkfifo', 'slow.csr'))
  const renewing = holdfast(folder, 'ca', 'renew', 'a.pem', '--csr', 'slow.csr')
  // It is open for writing once it is read: by then the certificate was looked up.
  const request = await open(join(folder, 'slow.csr'), 'w')
  await must(holdfast(folder, 'ca', 'revoke', 'dns:a', '--yes'))
  await request.writeFile(readFileSync(join(folder, 'a.csr')))
  await request.close()
  const { code, stderr } = await renewing
  assert.equal(code, 3)
  assert.match(stderr, /a\.pem: revoked on .*, while it was renewed/)
  assert.equal(readFileSync(join(folder, 'a.pem'), 'utf8'), before)
  const known = readRecord(join(folder, 'ca/issued.jsonl'))
  assert.ok(known.every(({ revokedAt }) => revokedAt !== undefined))
  assert.equal((await list(folder)).serials.length, known.length)
})
