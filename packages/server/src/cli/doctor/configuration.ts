/** Whatever a start looks at before it opens the storage: the same as `holdfast config check` finds. */
import { explain } from '../exit.ts'
import { type Facts, userOf } from './facts.ts'
import { checkLine, doctorLine, type Finding, isForbidden, ok, problem, warning } from './finding.ts'

export function configuration({ file, refused, server }: Facts): Finding[] {
  const serves = userOf({ server }) === undefined || userOf({ server }) === process.geteuid!()
  if (refused.length === 0) return [ok(`${file}: a start finds nothing wrong with it or the files it names`)]
  return refused.map((error) => {
    const [what, ...hint] = explain(error).text.split('\n')
    // Another user runs the server, and may read what this one may not.
    if (isForbidden(error) && !serves) return warning(`not looked at: ${what}`, `sudo ${doctorLine(file)}`)
    return problem(what!, hint.join(' ').trim() || checkLine(file))
  })
}
