/** A port that another program has, told with the option that chose it. It may be free a moment later: exit code 1. */
class PortTaken extends Error {
  override readonly name = 'PortTaken'
  readonly code = 'EADDRINUSE'
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** For `catch`: throws what it is given, named if it can be. `options` says of each port who chose it, and what to try. */
export function namePort(
  options: readonly { port: number; option: string; mend: string }[],
): (error: unknown) => never {
  return (error) => {
    const { code, port } = error as { code?: unknown; port?: unknown }
    const chosen = code === 'EADDRINUSE' ? options.find((one) => one.port === port) : undefined
    if (chosen === undefined) throw error
    throw new PortTaken(`port ${chosen.port} (${chosen.option}) is taken`, chosen.mend)
  }
}
