/**
 * Leaks on purpose, for the test that must notice: preloaded into a server with `node --import`, it prints the target of
 * every request, as a careless log would, in hex. The product has no such switch.
 */
import { Server } from 'node:https'

const { emit } = Server.prototype
Server.prototype.emit = function (event, ...args) {
  if (event === 'request') process.stderr.write(`${Buffer.from(args[0].url, 'latin1').toString('hex')}\n`)
  return emit.call(this, event, ...args)
}
