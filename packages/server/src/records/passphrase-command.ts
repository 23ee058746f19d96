/**
 * The command that tells the passphrase: a program with its arguments, run without a shell, in /, with the environment of
 * the server and nothing to read. For a KMS, an HSM, or whatever else decrypts a blob on request.
 *
 * It gets 30 s and 64 KiB; past either, or when nobody waits for it any more, it and what it started are killed. What it
 * prints as errors goes nowhere: it may quote what it decrypts, and our log is no place for that. So a failure tells how it
 * ended and no more, and the operator runs it by hand. It is trusted as the server itself is: whoever may change it or its
 * configuration has the passphrase.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { KeysetError } from './errors.ts'

const PATIENCE_MS = 30_000
export const MAX_OUTPUT_BYTES = 65_536

/** Its standard output. Rejects with `KeysetError`. `signal`: nobody waits for it any more. */
export function outputOf(command: readonly string[], signal?: AbortSignal, patienceMs = PATIENCE_MS): Promise<Buffer> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const refuse = (why: string) => {
      const hint = 'Run it by hand, as the user of the server: its own error messages are not shown here.'
      reject(new KeysetError(`passphraseCommand ${program}: ${why}`, hint))
    }
    let child: ChildProcess
    try {
      child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    } catch (error) {
      return refuse(`cannot be run (${(error as NodeJS.ErrnoException).code})`)
    }
    const stop = (why: string) => {
      refuse(why)
      killGroup(child)
      child.stdout!.destroy()
    }
    const abandoned = () => stop('was stopped')
    if (signal?.aborted) abandoned()
    signal?.addEventListener('abort', abandoned)
    const late = setTimeout(() => stop(`took longer than ${patienceMs / 1000} s`), patienceMs)
    const chunks: Buffer[] = []
    let bytes = 0
    child.stdout!.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) stop(`printed more than ${MAX_OUTPUT_BYTES} bytes`)
      else chunks.push(chunk)
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(late)
      refuse(`cannot be run (${error.code})`)
    })
    child.on('close', (code, killedBy) => {
      clearTimeout(late)
      signal?.removeEventListener('abort', abandoned)
      if (code === 0) resolve(Buffer.concat(chunks))
      else refuse(code === null ? `was ended by ${killedBy}` : `ended with exit code ${code}`)
    })
  })
}

/** It has a group of its own, so that this reaches what it started. */
function killGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}
