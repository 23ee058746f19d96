import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineRefused, EngineUnavailable, EngineUnconfirmed } from '@holdfast/engine'
import cassandra from 'cassandra-driver'
import { connectFault, isAway, readFault, stepsFault, tell, writeFault } from './faults.ts'

const { ResponseError, NoHostAvailableError, OperationTimedOutError, BusyConnectionError } = cassandra.errors
const codes = cassandra.types.responseErrorCodes
const response = (code: number) => new ResponseError(code, 'key 4711 of the statement')
const nobody = (inner: Record<string, Error>) => new NoHostAvailableError(inner, 'none')

test('a write is unavailable only where nothing of it ran', () => {
  for (const error of [
    response(codes.unavailableException),
    response(codes.isBootstrapping),
    response(codes.unauthorized),
    nobody({}),
    nobody({ a: response(codes.unavailableException), b: new BusyConnectionError('a', 1, 1) }),
    new BusyConnectionError('a', 1, 1),
    new EngineUnavailable('closed'),
  ]) {
    assert.ok(writeFault(error) instanceof EngineUnavailable, tell(error))
  }
  for (const error of [
    response(codes.writeTimeout),
    response(codes.writeFailure),
    response(codes.overloaded),
    response(codes.serverError),
    response(0x9999),
    new OperationTimedOutError('late', 'a'),
    nobody({ a: response(codes.unavailableException), b: new Error('Socket was closed') }),
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
    new EngineUnconfirmed('late'),
  ]) {
    assert.ok(writeFault(error) instanceof EngineUnconfirmed, tell(error))
  }
})

test('of what has steps, a refusal says nothing of the steps before it', () => {
  for (const code of [codes.unavailableException, codes.writeTimeout, codes.overloaded]) {
    assert.ok(stepsFault(response(code)) instanceof EngineUnconfirmed)
  }
  assert.ok(stepsFault(nobody({})) instanceof EngineUnavailable)
  assert.ok(stepsFault(new EngineUnavailable('out of time')) instanceof EngineUnavailable)
})

test('a read that failed is unavailable, whatever it was', () => {
  for (const error of [response(codes.readTimeout), new Error('x'), nobody({})]) {
    assert.ok(readFault(error) instanceof EngineUnavailable)
  }
})

test('replicas that are away are told from a statement that is wrong', () => {
  for (const error of [
    response(codes.unavailableException),
    response(codes.writeTimeout),
    nobody({}),
    new EngineUnconfirmed('late'),
  ]) {
    assert.ok(isAway(error))
  }
  for (const error of [response(codes.unauthorized), response(codes.serverError), new Error('x')]) {
    assert.ok(!isAway(error))
  }
})

test('at a start, what asking again cannot mend is refused with a hint', () => {
  const { AuthenticationError, ArgumentError } = cassandra.errors
  for (const error of [nobody({ a: new AuthenticationError('no') }), new ArgumentError('only found hosts in: [dc1]')]) {
    const fault = connectFault(error)
    assert.ok(fault instanceof EngineRefused && fault.hint !== '')
  }
  assert.ok(connectFault(nobody({})) instanceof EngineUnavailable)
})

test('at a start, a handshake that fails says on what; unless a node did not answer, which may be another', () => {
  const tls = (code: string) => Object.assign(new Error('handshake'), { code })
  for (const [code, what] of [
    ['ERR_TLS_CERT_ALTNAME_INVALID', /for other names/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /not in tls\.ca/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /not in tls\.ca/],
    ['CERT_HAS_EXPIRED', /not of this time/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /do not take the certificate/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /speak no TLS/],
  ] as const) {
    const fault = connectFault(nobody({ a: tls(code), b: tls(code) }))
    assert.ok(fault instanceof EngineRefused && what.test(fault.message) && fault.message.includes(code))
    assert.ok(connectFault(nobody({ a: tls(code), b: tls('ECONNREFUSED') })) instanceof EngineUnavailable)
  }
})

test('what is told names the trouble and quotes nothing', () => {
  for (const error of [response(codes.writeTimeout), nobody({ a: response(codes.serverError) }), response(0x9999)]) {
    assert.doesNotMatch(writeFault(error).message, /4711/)
  }
  assert.match(writeFault(response(codes.writeTimeout)).message, /writeTimeout \(0x1100\)/)
  assert.match(writeFault(nobody({})).message, /no node can be reached/)
})
