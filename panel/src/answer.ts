/** One question with its answer, as it is drawn. */

import { html, nothing, type TemplateResult } from 'lit'

import type { Usage } from './api'
import { priceOf, receipts, textOf, type Exchange, type Round, type ToolCall } from './conversation'
import { direction } from './draft'
import { steadyNow, type Mishap } from './fault'
import { icon } from './icons'
import { price } from './money'
import { Prose, hasMarkdown } from './prose'

export interface Actions {
  readonly locale: string
  readonly account: string
  readonly busy: boolean
  edit(exchange: Exchange): void
  retry(exchange: Exchange, tokens?: number): void
  goOn(exchange: Exchange): void
  copy(text: string, at: Event): void
  decide(call: ToolCall, accepted: boolean): void
  canUndo(call: ToolCall): boolean
  undo(call: ToolCall): void
  clear(): void
}

/** In tokens; below this an answer would hardly say anything. */
const shortestAnswer = 200

/** In characters. */
const longQuestion = 4_000

const proses = new WeakMap<Round, Prose>()

/** Draws the newest text of a round; called at every frame while it grows. */
export function paint(round: Round, complete: boolean): Element {
  let prose = proses.get(round)
  if (!prose) proses.set(round, (prose = new Prose()))
  prose.show(textOf(round), complete)
  return prose.node
}

/** All that decides how an exchange looks. While this is the same, it is not drawn again. */
export function looksOf(exchange: Exchange, { locale, account, busy, canUndo }: Actions): unknown[] {
  const { state, mishap, rounds } = exchange
  if (state === 'working') return [{}]
  const calls = rounds.flatMap((round) => round.calls)
  const told = [...rounds.map((round) => round.receipt), ...calls.flatMap((call) => [call.state, canUndo(call)])]
  return [exchange, state, mishap, mishap && secondsUntil(mishap.retryAt), locale, account, busy, hasMarkdown(), ...told]
}

function secondsUntil(time = 0): number {
  return Math.max(0, Math.ceil((time - steadyNow()) / 1000))
}

export function exchangeView(exchange: Exchange, actions: Actions, before?: Exchange): TemplateResult {
  const working = exchange.state === 'working'
  return html`<article class="exchange" part="message" aria-busy=${working}>
    <h3 class="sr">You</h3>
    <div class="question" part="message-user">${questionView(exchange.text)}</div>
    <div class="asides">${chips(exchange, before)}${working ? nothing : editButton(exchange, actions)}</div>
    <h3 class="sr">Assistant</h3>
    <div class="answer" part="message-assistant">
      ${exchange.rounds.map((round) => [roundView(round, exchange), round.calls.map((call) => callView(call, actions))])}
      ${waiting(exchange) ? html`<p class="dots" aria-hidden="true"><i></i><i></i><i></i></p>` : nothing}
    </div>
    ${working || exchange.mishap ? nothing : endingView(exchange)}
    ${exchange.mishap ? mishapView(exchange, exchange.mishap, actions) : nothing}
    ${working ? nothing : footer(exchange, actions)}
  </article>`
}

/** A pasted book does not stand between two answers unfolded. */
function questionView(text: string) {
  if (text.length < longQuestion) return html`<div dir="auto">${text}</div>`
  return html`<div dir="auto">${text.slice(0, longQuestion / 4)}…</div><details><summary>All ${text.length.toLocaleString()} characters</summary><div dir=${direction(text)}>${text}</div></details>`
}

/** Only what was really sent along: an unchanged context goes once. */
function chips(exchange: Exchange, before?: Exchange) {
  if (JSON.stringify(exchange.context) === JSON.stringify(before?.context)) return nothing
  return Object.keys(exchange.context).map((name) => html`<span class="chip still" dir="auto">${name}</span>`)
}

function editButton(exchange: Exchange, actions: Actions) {
  return html`<button class="icon" title="Edit" aria-label="Edit" ?disabled=${actions.busy}
    @click=${() => actions.edit(exchange)}>${icon('edit')}</button>`
}

function roundView(round: Round, exchange: Exchange) {
  const growing = exchange.state === 'working' && round === exchange.rounds.at(-1)
  const used = round.content.filter((block) => block?.type === 'server_tool_use')
  return html`${used.map((block) => html`<p class="ending">Used <b>${words((block as Record<string, unknown>).name)}</b></p>`)} ${textOf(round) ? paint(round, !growing) : nothing}`
}

const words = (name: unknown) => String(name).replaceAll('_', ' ')

const endings: Record<string, string> = {
  max_tokens: 'Reached its greatest length. Ask it to go on.',
  refusal: 'Claude declined to go on with this. What you ask next is told without it.',
  model_context_window_exceeded: 'Claude can hold no more of this conversation. Start a new one; this one stays in the list.',
}

/** How an answer ended, unless it is simply over. */
function endingView({ rounds, state }: Exchange) {
  const last = rounds.at(-1)
  const isBare = state === 'complete' && last && !textOf(last)
  const ending = endings[last?.stopReason ?? ''] ?? (isBare ? 'There is nothing in this answer that can be shown here.' : '')
  return ending ? html`<p class="ending">${ending}</p>` : nothing
}

function waiting(exchange: Exchange): boolean {
  const last = exchange.rounds.at(-1)
  const asking = last?.calls.some((call) => call.state === 'asking' && call.preview !== undefined)
  return exchange.state === 'working' && !asking && !(last && textOf(last) && !last.calls.length)
}

const callWords = {
  asking: 'wants to run',
  running: 'Running',
  done: 'Done:',
  declined: 'Declined:',
  failed: 'Failed:',
  undone: 'Undone:',
}

function callView(call: ToolCall, actions: Actions) {
  if (call.state === 'asking') return call.preview === undefined ? nothing : proposal(call, actions)
  return html`<div class="call" part="tool" data-state=${call.state}>
    <details>
      <summary>${callWords[call.state]} <b>${words(call.name)}</b></summary>
      <pre dir="ltr" tabindex="0">${JSON.stringify(call.input, null, 1)}${call.result ? `\n\n${call.result}` : ''}</pre>
    </details>
    ${actions.canUndo(call) ? html`<button class="quiet" @click=${() => actions.undo(call)}>Undo</button>` : nothing}
  </div>`
}

function proposal(call: ToolCall, actions: Actions) {
  return html`<div class="card proposal" part="tool-preview" role="group" aria-label="Proposed change">
    <p>The assistant ${callWords.asking} <b>${words(call.name)}</b></p>
    <pre dir="auto">${call.preview}</pre>
    <div class="row">
      <button class="primary" @click=${() => actions.decide(call, true)}>Accept</button>
      <button class="plain" @click=${() => actions.decide(call, false)}>Decline</button>
    </div>
  </div>`
}

function mishapView(exchange: Exchange, mishap: Mishap, actions: Actions) {
  const wait = secondsUntil(mishap.retryAt)
  return html`<div class="card mishap" part="error" role="alert">
    <p><b>${mishap.title}.</b> ${mishap.text}</p>
    <div class="row">
      ${wayOut(mishap, actions)}
      ${mishap.fits! >= shortestAnswer
        ? html`<button class="plain" @click=${() => actions.retry(exchange, mishap.fits)}>Shorter answer</button>`
        : mishap.fits !== undefined
          ? html`<button class="plain" @click=${actions.clear}>New conversation</button>`
          : nothing}
      ${mishap.code === 'limit'
        ? html`<button class="plain" @click=${() => actions.goOn(exchange)}>Go on</button>`
        : html`<button class="plain" ?disabled=${wait > 0 || actions.busy} @click=${() => actions.retry(exchange)}>
            ${wait > 0 ? `Try again in ${wait} s` : 'Try again'}
          </button>`}
    </div>
  </div>`
}

function wayOut(mishap: Mishap, actions: Actions) {
  const lead = { insufficient_credit: 'Add credit', cap_reached: 'Change the cap' }[mishap.code]
  if (lead) return html`<a class="primary" href="${actions.account}/billing" target="_blank" rel="noopener">${lead}</a>`
  if (mishap.code === 'too_long') return html`<button class="primary" @click=${actions.clear}>New conversation</button>`
  return nothing
}

function footer(exchange: Exchange, actions: Actions) {
  const text = exchange.rounds.map(textOf).filter(Boolean).join('\n\n')
  return html`<footer class="foot">
    ${text
      ? html`<button class="icon" title="Copy" aria-label="Copy" @click=${(at: Event) => actions.copy(text, at)}>
          ${icon('copy')}
        </button>`
      : nothing}
    ${exchange.mishap
      ? nothing
      : html`<button class="icon" title="Retry" aria-label="Retry" ?disabled=${actions.busy}
          @click=${() => actions.retry(exchange)}>${icon('again')}</button>`}
    ${exchange.state === 'stopped' ? html`<span>Stopped</span>` : nothing}
    ${receiptView(exchange, actions)}
  </footer>`
}

function receiptView(exchange: Exchange, actions: Actions) {
  const total = priceOf(exchange)
  if (total === undefined) return nothing
  const count = (name: keyof Usage) => receipts(exchange).reduce((so_far, { usage }) => so_far + (usage?.[name] ?? 0), 0)
  const line = (label: string, name: keyof Usage) =>
    count(name) ? html`<dt>${label}</dt><dd>${count(name).toLocaleString(actions.locale || undefined)}</dd>` : nothing
  return html`<button class="price" part="price" title="What this answer cost" aria-expanded="false" @click=${unfold}>
      <span class="sr">Price</span> ${price(total, actions.locale)}
    </button>
    <dl class="receipt" hidden>
      ${line('Input tokens', 'input_tokens')} ${line('Output tokens', 'output_tokens')}
      ${line('Read from cache', 'cache_read_tokens')} ${line('Written to cache', 'cache_write_tokens')}
      <dt>Exact price</dt><dd>$${total}${receipts(exchange).some((one) => one.estimated) ? ' (estimated)' : ''}</dd>
      <dt>Request</dt><dd class="id">${receipts(exchange).map((one) => one.request_id).join(' ')}</dd>
    </dl>`
}

/** Opens the receipt below the row of its price, which stays where it is. */
function unfold({ currentTarget }: Event) {
  const button = currentTarget as HTMLElement
  const receipt = button.nextElementSibling as HTMLElement
  receipt.hidden = !receipt.hidden
  button.ariaExpanded = String(!receipt.hidden)
  receipt.scrollIntoView({ block: 'nearest' })
}
