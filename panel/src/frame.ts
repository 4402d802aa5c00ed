/** The panel around the conversation: header, banners, the log, and what stands in for it. */

import { html, nothing, type TemplateResult } from 'lit'

import { icon } from './icons'
import { dollars, shareLeft } from './money'
import type { Session } from './session'

export interface Frame {
  readonly session: Session
  readonly locale: string
  readonly account: string
  readonly mode: string
  readonly online: boolean
  readonly title: string
  readonly listed: boolean
  readonly lowDismissed: number
  toggleList(): void
  clear(): void
  close(): void
  dismissLow(level: number): void
  reload(): void
}

export function header(frame: Frame): TemplateResult {
  const { session } = frame
  const signedIn = session.state === 'in'
  return html`<header part="header">
    ${signedIn
      ? html`<button class="icon" title="Conversations" aria-label="Conversations" aria-expanded=${frame.listed}
          @click=${frame.toggleList}>${icon('list')}</button>`
      : // Its place is kept while nobody knows yet: the title does not move when they do.
        session.state === 'unknown' ? html`<span class="icon"></span>` : nothing}
    <h2 dir="auto">${frame.listed ? 'Conversations' : frame.title || 'Assistant'}</h2>
    ${signedIn && session.balance
      ? html`<a class="balance" part="balance" href=${frame.account} target="_blank" rel="noopener"
          title="Available credit"><span class="sr">Available credit</span>
          ${dollars(session.balance.available_usd, frame.locale)}</a>`
      : nothing}
    ${signedIn
      ? html`<button class="icon" title="New conversation" aria-label="New conversation"
          @click=${frame.clear}>${icon('plus')}</button>`
      : nothing}
    ${frame.mode === 'dock'
      ? html`<button class="icon" title="Close" aria-label="Close" @click=${frame.close}>${icon('close')}</button>`
      : nothing}
  </header>`
}

export function banner(frame: Frame) {
  if (!frame.online) return note('You are offline. What you write is kept.')
  const { balance, state } = frame.session
  if (state !== 'in' || !balance) return nothing
  const share = shareLeft(balance)
  const level = share <= 0 ? 0 : share <= 0.05 ? 5 : share <= 0.2 ? 20 : 100
  if (level === 100 || level >= frame.lowDismissed) return nothing
  const left = `${Math.max(1, Math.round(share * 100))} % of your credit is left: ${dollars(balance.available_usd, frame.locale)}.`
  return note(level === 0 ? 'No credit is left.' : left, level <= 5, frame, level)
}

function note(text: string, urgent = false, frame?: Frame, level = 0) {
  return html`<p class="banner ${urgent ? 'urgent' : ''}" part="banner" role="status">
    <span dir="auto">${text}</span>
    ${frame ? html`<a href="${frame.account}/billing" target="_blank" rel="noopener">Add credit</a>` : nothing}
    ${frame && level
      ? html`<button class="icon" title="Dismiss" aria-label="Dismiss" @click=${() => frame.dismissLow(level)}>
          ${icon('close')}
        </button>`
      : nothing}
  </p>`
}

export function welcome() {
  return html`<slot name="empty">
    <div class="welcome">
      <h2>What are you drawing?</h2>
      <p>Ask about spacing, kerning, OpenType features, or the glyph in front of you. Each answer shows what it cost.</p>
    </div>
  </slot>`
}

export function unreachable(frame: Frame) {
  return html`<div class="card mishap" part="error" role="alert">
    <p><b>No connection to the server.</b> What you write is kept.</p>
    <div class="row"><button class="plain" @click=${frame.reload}>Try again</button></div>
  </div>`
}

/** With `getToken` it is the page that knows who its visitors are. */
export function elsewhere(frame: Frame) {
  return html`<div class="card signin" part="signin">
    <h2>Signed out</h2>
    <p>Sign in to use the assistant on this page.</p>
    <button class="primary" @click=${frame.reload}>Sign in</button>
  </div>`
}

/** What a closed dock leaves behind. */
export function launcher(panel: { readonly mode: string; open(): void }) {
  if (panel.mode !== 'dock') return nothing
  return html`<button class="launcher" part="launcher" @click=${() => panel.open()}>Open assistant</button>`
}
