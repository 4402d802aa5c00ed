/** A conversation on the screen: its newest exchanges, and earlier ones as the reader goes up to them. */

import { html, nothing } from 'lit'
import { guard } from 'lit/directives/guard.js'

import { exchangeView, looksOf, type Actions } from './answer'
import { answerText, type Exchange } from './conversation'
import type { Follow } from './frames'
import { icon } from './icons'

const drawnAtFirst = 40
const drawnMore = 20
const nearTopPx = 300
/** As long as what is drawn above would otherwise be read out as if it had just been said. */
const quietMs = 1_000

export class Log {
  quiet = false
  private first?: string | undefined
  private all: Exchange[] = []

  constructor(
    private readonly follow: Follow,
    private readonly changed: () => void,
  ) {}

  view(exchanges: Exchange[], actions: Actions) {
    const start = this.startOf(exchanges)
    return html`${start
        ? html`<button class="plain earlier" @click=${this.pressed}>Earlier messages (${start})</button>`
        : nothing}
      ${exchanges.map((one, at) =>
        at < start
          ? guard([one, 'waiting'], () => this.waiting(one))
          : guard(looksOf(one, actions), () => exchangeView(one, actions, exchanges[at - 1])),
      )}`
  }

  wayDown() {
    if (this.follow.atEnd || !this.all.length) return nothing
    return html`<button class="round latest" title="Jump to the newest" aria-label="Jump to the newest"
      @click=${this.follow.jump}>${icon('down')}</button>`
  }

  noticed = () => {
    const box = this.follow.noticed()
    if (box && box.scrollTop < nearTopPx && this.all[0]?.id !== this.first) this.goBack()
  }

  private startOf(exchanges: Exchange[]): number {
    const drawn = exchanges.findIndex((one) => one.id === this.first)
    const start = drawn >= 0 ? drawn : Math.max(0, exchanges.length - drawnAtFirst)
    this.all = exchanges
    if (drawn < 0 && start < exchanges.length && exchanges[start]!.state !== 'working') this.hush()
    this.first = exchanges[start]?.id
    return start
  }

  /** With the last of them the button goes: whoever pressed it by a key is then in the conversation, and not nowhere. */
  private pressed = ({ currentTarget }: Event) => {
    this.goBack()
    if (this.all[0]?.id === this.first) (currentTarget as HTMLElement).parentElement!.focus({ preventScroll: true })
  }

  private goBack = () => this.drawFrom(this.startOf(this.all) - drawnMore)

  private drawFrom(start: number) {
    this.first = this.all[Math.max(0, start)]?.id
    this.follow.hold()
    this.hush()
    this.changed()
  }

  private hush() {
    this.quiet = true
    setTimeout(() => {
      this.quiet = false
      this.changed()
    }, quietMs)
  }

  /** The browser's own search finds what is not drawn yet, and asks for it. */
  private waiting(exchange: Exchange) {
    const found = () => this.drawFrom(this.all.indexOf(exchange))
    return html`<div hidden="until-found" @beforematch=${found}>${exchange.text}<br />${answerText(exchange)}</div>`
  }
}
