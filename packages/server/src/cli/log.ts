/**
 * The log: JSON lines on standard output, beside the audit lines that carry `"audit":true`. It never gets a URL, a
 * header, a key or a value, and what it tells of an unknown error is {@link withoutSecrets}.
 */
import { type Logger, pino } from 'pino'
import { withoutSecrets } from './exit.ts'

/** Whatever becomes of standard output, it must not stop the server. */
process.stdout.removeAllListeners('error').on('error', () => {})

const writeOut = (line: string): void => {
  process.stdout.write(line)
}

export function makeLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: withoutSecrets },
    },
    { write: writeOut },
  )
}
