/** Signing in without leaving the page: an address, then the mailed code. */

import { html, nothing } from 'lit'

import { Fault, steadyNow } from './fault'
import type { Session } from './session'

const resendMs = 60_000

const words: Record<string, string> = {
  signed_out: 'That code is not right, or no longer valid. Check the newest mail.',
  rate_limited: 'Too many tries. Please wait a little before the next one.',
  offline: 'You are offline.',
  unreachable: 'The server cannot be reached. Please try again.',
  unavailable: 'The server could not do this just now. Please try again.',
}

export class SignIn {
  private email = ''
  private sentTo = ''
  private resendAt = 0
  private problem = ''
  private working = false

  constructor(
    private readonly session: Session,
    private readonly changed: () => void,
  ) {}

  /** True while a countdown is on the screen. */
  get counting(): boolean {
    return this.sentTo !== '' && this.resendAt > steadyNow()
  }

  view() {
    return html`<form class="card signin" part="signin" @submit=${this.submitted} novalidate>
      <h2>Sign in</h2>
      <p id="signin-about">
        ${this.sentTo
          ? html`A code is on its way to <bdi>${this.sentTo}</bdi>.`
          : 'To talk to the assistant. We mail you a code; there is no password.'}
      </p>
      ${this.sentTo ? this.codeField() : this.emailField()}
      <p class="problem" id="signin-problem" role="alert">${this.problem}</p>
      <button class="primary" ?disabled=${this.working}>Sign in</button>
      ${this.sentTo ? this.otherWays() : nothing}
    </form>`
  }

  private emailField() {
    return html`<label>
      Email
      <input name="email" type="email" autocomplete="email" dir="ltr" spellcheck="false" .value=${this.email}
        aria-describedby="signin-about signin-problem" aria-invalid=${this.problem !== ''} />
    </label>`
  }

  private codeField() {
    return html`<label>
      Code
      <input name="code" class="code-input" inputmode="numeric" autocomplete="one-time-code" dir="ltr" maxlength="12"
        aria-describedby="signin-about signin-problem" aria-invalid=${this.problem !== ''} @input=${this.typed} />
    </label>`
  }

  private otherWays() {
    const wait = Math.ceil((this.resendAt - steadyNow()) / 1000)
    return html`<div class="row">
      <button type="button" class="quiet" ?disabled=${wait > 0 || this.working} @click=${() => this.send(this.sentTo)}>
        ${wait > 0 ? `New code in ${wait} s` : 'Send a new code'}
      </button>
      <button type="button" class="quiet" @click=${this.another}>Use another address</button>
    </div>`
  }

  private typed = (event: Event) => {
    const field = event.target as HTMLInputElement
    if (field.value.replace(/\D/g, '').length === 6) field.form!.requestSubmit()
  }

  private submitted = async (event: SubmitEvent) => {
    event.preventDefault()
    if (this.working) return
    const fields = new FormData(event.target as HTMLFormElement)
    if (this.sentTo) await this.verify(String(fields.get('code')).replace(/\D/g, ''))
    else await this.send(String(fields.get('email')).trim())
  }

  private async send(email: string) {
    this.email = email
    if (!/^\S+@\S+$/.test(email)) return this.show('Please type your e-mail address.')
    await this.attempt(async () => {
      await this.session.requestCode(email)
      this.sentTo = email
      this.resendAt = steadyNow() + resendMs
    })
  }

  private async verify(code: string) {
    if (code.length !== 6) return this.show('The code has six digits.')
    await this.attempt(async () => {
      await this.session.verify(this.sentTo, code)
      this.another()
    })
  }

  private async attempt(act: () => Promise<void>) {
    this.working = true
    this.show('')
    try {
      await act()
    } catch (problem) {
      const fault = problem instanceof Fault ? problem : new Fault('unavailable', '')
      this.problem = words[fault.code] || fault.message || words.unavailable!
    }
    this.working = false
    this.changed()
  }

  private another = () => {
    this.sentTo = ''
    this.show('')
  }

  private show(problem: string) {
    this.problem = problem
    this.changed()
  }
}
