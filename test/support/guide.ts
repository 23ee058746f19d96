/**
 * A page of documentation as a program: its blocks in their order. Those of these kinds are steps; others, `bash` too, are
 * for reading.
 *
 * - `sh`: commands, and the output that the page promises, if a `text` block follows.
 * - `sh &PORT`: a command that goes on, in a terminal of its own; it is ready once this port answers.
 * - `js` or `ts` that begins with `// NAME`: the file of that name.
 */
import { readFileSync } from 'node:fs'

export interface Block {
  readonly language: string
  /** What stands after the language. */
  readonly info: string
  readonly body: string
  /** The heading it stands under, and its line in the page. */
  readonly title: string
  /** Of a file. */
  readonly file: string | undefined
}

export interface Step {
  readonly title: string
  readonly script: string
  /** Standard output, exactly; absent where the page shows none, and then anything may be printed. */
  readonly output?: string
  /** It goes on; the port that answers once it is ready. */
  readonly port?: number
}

const FENCE = /^```(\S*)([^\n]*)\n([\s\S]*?)^```$/gm

export function blocksOf(page: string): Block[] {
  const text = readFileSync(page, 'utf8')
  return Array.from(text.matchAll(FENCE), ({ 1: language, 2: info, 3: body, index }) => {
    const before = text.slice(0, index)
    const heading = before.split('\n').findLast((line) => line.startsWith('#')) ?? ''
    const title = `${heading.replace(/^#+ /, '')}, line ${before.split('\n').length}`
    const file = /^[jt]sx?$/.test(language!) ? /^\/\/ ([\w.-]+)\n/.exec(body!)?.[1] : undefined
    return { language: language!, info: info!.trim(), body: body!, title, file }
  })
}

export function stepsOf(page: string): Step[] {
  const steps: Step[] = []
  for (const { language, info, body, title, file } of blocksOf(page)) {
    if (file !== undefined) steps.push({ title, script: `cat > ${file} <<'END OF FILE'\n${body}END OF FILE\n` })
    else if (language === 'sh') {
      const port = /^&(\d+)$/.exec(info)?.[1]
      if (info !== '' && port === undefined) throw new Error(`${page}: ${title}: what is "${info}"?`)
      steps.push({ title, script: body, ...(port !== undefined && { port: Number(port) }) })
    } else if (language === 'text') {
      const step = steps.pop()
      if (step === undefined || step.output !== undefined) throw new Error(`${page}: output of no commands: ${body}`)
      steps.push({ ...step, output: body })
    }
  }
  return steps
}
