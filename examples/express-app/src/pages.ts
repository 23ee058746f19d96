/** The pages, as plain HTML. Every value that is put into one is escaped. */

class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function html(strings: TemplateStringsArray, ...values: (Html | string | number)[]): Html {
  const text = (value: Html | string | number) =>
    value instanceof Html ? value.text : String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]!)
  return new Html(strings.reduce((all, part, n) => all + text(values[n - 1]!) + part))
}

function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/style.css">
<main>
<h1>${title}</h1>
${body}
</main>
</html>
`.text
}

/** As `2 January 2026 at 13:45 UTC`. */
const time = (date: Date) =>
  html`<time datetime="${date.toISOString()}">${new Intl.DateTimeFormat('en-GB', {
    ...{ dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' },
  }).format(date)} UTC</time>`

const logOut = html`<form method="post" action="/logout"><button class="quiet">Log out</button></form>`
const menu = html`<nav><a href="/">Counter</a><a href="/whoami">Who am I?</a>${logOut}</nav>`

export const loginPage = (message = '') =>
  page(
    'Log in',
    html`
${message === '' ? '' : html`<p role="status" class="note">${message}</p>`}
<form method="post" action="/login">
<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
<p class="hint">Try <b>alice</b> with <b>wonderland</b>.</p>`,
  )

export const counterPage = (user: string, count: number) =>
  page(
    `Hello, ${user}`,
    html`
${menu}
<p class="figure"><output>${count}</output></p>
<form method="post" action="/count"><button>Count</button></form>`,
  )

export const whoamiPage = (user: string, since: Date, until: Date) =>
  page(
    'Who am I?',
    html`
${menu}
<dl>
<dt>User</dt><dd>${user}</dd>
<dt>Logged in</dt><dd>${time(since)}</dd>
<dt>Ends, if not used</dt><dd>${time(until)}</dd>
</dl>
<p class="hint">This is all there is to see. Holdfast lists no sessions, to nobody: not to this application, and not to
whoever takes it over.</p>`,
  )

export const awayPage = () =>
  page(
    'Back in a moment',
    html`
<p>Your session cannot be reached just now. You have <b>not</b> been logged out.</p>
<p><a class="button" href="/">Try again</a></p>`,
  )

export const logoutFailedPage = () =>
  page(
    'You may still be logged in',
    html`
<p>The logout could not be confirmed, so take it as <b>not</b> done. Do not leave this device to others yet.</p>
<form method="post" action="/logout"><button>Log out again</button></form>`,
  )

export const logoutPendingPage = () =>
  page(
    'Almost logged out',
    html`
<p>Your session is over here. One datacenter could not confirm it yet; it will be told as soon as it can be reached.</p>
<p><a class="button" href="/login">Log in</a></p>`,
  )

export const brokenPage = () => page('Something went wrong', html`<p>It is our fault, and it is in our log.</p>`)
