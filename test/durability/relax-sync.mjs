/**
 * Breaks durability on purpose, for the test that must notice: preloaded into a server with `node --import`, it turns
 * every `synchronous` pragma that SQLite is given, in any thread, into OFF. The product has no such switch.
 */
import { DatabaseSync } from 'node:sqlite'

const relax = (sql) => sql.replace(/(synchronous\s*=?\s*\(?\s*)\w+/gi, '$1OFF')

const { exec, prepare } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function (sql) {
  return exec.call(this, relax(sql))
}
DatabaseSync.prototype.prepare = function (sql, ...rest) {
  return prepare.call(this, relax(sql), ...rest)
}
