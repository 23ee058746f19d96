/** Debian's Chromium and the example application, each as a process of its own. Nothing is ever downloaded. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { Program, ROOT } from '../support/process.ts'

const CHROMIUM = '/usr/bin/chromium'
/** For `skip` of a test. */
export const missing = existsSync(CHROMIUM) ? false : `no ${CHROMIUM}`

const QUIET = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const ARGS = ['--no-sandbox', ...QUIET, '--disable-component-update', '--disable-sync']

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS })
}

/** A window of its own, without cookies; screenshots go to this folder if one is named. */
export class Visitor {
  readonly page: Page
  readonly #origin: string

  private constructor(page: Page, origin: string) {
    this.page = page
    this.#origin = origin
  }

  static async arrive(browser: Browser, origin: string): Promise<Visitor> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    page.setDefaultTimeout(30_000)
    return new Visitor(page, origin)
  }

  /** Status of the page that is shown then. */
  async open(path: string): Promise<number> {
    const response = await this.page.goto(this.#origin + path)
    await this.#look()
    return response!.status()
  }

  /** Presses a button; the status of the page that is shown then. */
  async press(name: string): Promise<number> {
    const [response] = await Promise.all([
      this.page.waitForResponse((each) => each.request().isNavigationRequest() && each.status() !== 303),
      this.page.getByRole('button', { name, exact: true }).click(),
    ])
    await this.page.waitForLoadState()
    await this.#look()
    return response.status()
  }

  async logIn(name: string, password: string): Promise<number> {
    await this.open('/login')
    await this.page.getByLabel('Name').fill(name)
    await this.page.getByLabel('Password').fill(password)
    return this.press('Log in')
  }

  title(): Promise<string | null> {
    return this.page.getByRole('heading', { level: 1 }).textContent()
  }

  text(): Promise<string | null> {
    return this.page.locator('main').textContent()
  }

  cookies() {
    return this.page.context().cookies()
  }

  #shots = 0
  async #look(): Promise<void> {
    const folder = process.env.HOLDFAST_SCREENSHOTS
    if (folder !== undefined) await this.page.screenshot({ path: join(folder, `${Date.now()}-${this.#shots++}.png`) })
  }
}

/** The example, on a port that stays the same when it is started again. */
export class ExampleApp {
  readonly #env: NodeJS.ProcessEnv
  #program: Program
  origin = ''

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
    this.#program = this.#run(0)
  }

  static async start(env: NodeJS.ProcessEnv): Promise<ExampleApp> {
    const app = new ExampleApp(env)
    await app.#ready()
    return app
  }

  async restart(): Promise<void> {
    await this.stop()
    this.#program = this.#run(Number(new URL(this.origin).port))
    await this.#ready()
  }

  stop() {
    return this.#program.stop()
  }

  get stderr(): string {
    return this.#program.stderr
  }

  /** Waits until it has told this. */
  told(what: RegExp): Promise<unknown> {
    return this.#program.until(String(what), ({ stderr }) => what.exec(stderr) ?? undefined)
  }

  #run(port: number): Program {
    const env = { ...process.env, ...this.#env, PORT: String(port) }
    return new Program([process.execPath, join(ROOT, 'examples/express-app/src/main.ts')], { env })
  }

  async #ready(): Promise<void> {
    this.origin = await this.#program.until('its address', (it) => /http:\/\/localhost:\d+/.exec(it.stdout)?.[0])
  }
}
