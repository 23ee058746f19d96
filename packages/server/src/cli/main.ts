#!/usr/bin/env node
/**
 * Where the process begins. Imports nothing before it knows that this Node can run the rest, so that an old Node gets a
 * sentence and not a stack trace.
 */
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `holdfast needs Node 24 or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install Node 24 from https://nodejs.org, or run it by npm in a clone: npm ci && npm start\n',
  )
  process.exitCode = 2
} else {
  const { run } = await import('./program.ts')
  process.exitCode = await run(process.argv.slice(2))
}

export {}
