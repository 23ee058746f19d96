/** How this program was called, so that the commands it tells to run next can be run as they stand. */
const SCRIPTS: Readonly<Record<string, string>> = {
  start: 'npm run holdfast --',
  holdfast: 'npm run holdfast --',
  npx: 'npx holdfast',
}

/** `holdfast`, or what stands for it in a clone or under npx. */
export const invocation = SCRIPTS[process.env.npm_lifecycle_event ?? ''] ?? 'holdfast'
