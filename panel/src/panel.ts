/** `<assistant-panel>`: draws a Desk, and keeps the public promises of `api.ts`. */

import { LitElement, html, nothing, unsafeCSS, type PropertyValues } from 'lit'

import { paint, type Actions } from './answer'
import type { AssistantPanelElement, Context, ToolFunction, ToolSpec } from './api'
import { composerView, fit } from './composer'
import { copy, copyCode } from './copying'
import type { Exchange } from './conversation'
import { Desk } from './desk'
import { tooLong } from './draft'
import { Drawer, type Shelf } from './drawer'
import { banner, elsewhere, header, launcher, unreachable, welcome, type Frame } from './frame'
import { steadyNow } from './fault'
import { Follow, batched } from './frames'
import { Log } from './log'
import sheet from './panel.css?inline'
import { fetchMarkdown } from './prose'
import { SignIn } from './signin'

const home = new URL(import.meta.url).origin

export class AssistantPanel extends LitElement implements Omit<AssistantPanelElement, keyof HTMLElement> {
  static override styles = unsafeCSS(sheet)
  static override properties = {
    api: {},
    account: {},
    theme: { reflect: true },
    locale: {},
    model: {},
    mode: { reflect: true },
    system: {},
    closed: { type: Boolean, reflect: true },
    getToken: { attribute: false },
  }

  declare api: string
  declare account: string
  declare theme: 'auto' | 'light' | 'dark'
  declare locale: string
  declare model: string
  declare mode: 'inline' | 'dock'
  declare system: string
  declare closed: boolean
  declare getToken?: (() => string | Promise<string>) | undefined

  private ticking?: ReturnType<typeof setTimeout>
  private here?: AbortController
  private readonly desk = new Desk(this)
  private readonly signIn = new SignIn(this.desk.session, () => this.changed())
  private readonly drawer = new Drawer(() => this.changed())
  private readonly follow = new Follow(
    () => this.renderRoot?.querySelector('.log') ?? null,
    () => this.changed(),
  )
  private readonly told = new Log(this.follow, () => this.changed())

  constructor() {
    super()
    this.api = this.account = home
    this.theme = 'auto'
    this.mode = 'inline'
    this.model = 'claude-sonnet-5-5'
    this.locale = this.system = ''
    this.closed = false
  }

  open() {
    this.closed = false
    void this.updateComplete.then(() => this.focus())
  }
  close() {
    this.closed = true
  }
  async send(text: string): Promise<void> {
    this.follow.atEnd = true
    void fetchMarkdown(this)
    if (!(await this.desk.send(text))) this.focusSignIn()
  }

  stop() {
    this.desk.chat.stop()
  }

  clear() {
    this.drawer.shown = false
    this.desk.clear()
    this.focus()
  }

  setContext(context: Context) {
    this.desk.chips.set(context ?? {})
    this.changed()
  }

  registerTool(spec: ToolSpec, run: ToolFunction): () => void {
    return this.desk.tools.register(spec, run)
  }

  override focus() {
    this.renderRoot?.querySelector('textarea')?.focus()
  }

  changed() {
    this.requestUpdate()
  }

  readonly grew = batched(() => {
    const round = this.desk.exchanges.at(-1)?.rounds.at(-1)
    if (!round) return
    if (paint(round, !this.desk.chat.busy).isConnected) this.follow.keep()
    else this.changed()
  })

  emit(name: string, detail: object) {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }

  override connectedCallback() {
    super.connectedCallback()
    if (this.here) return
    void fetchMarkdown(this)
    this.desk.listen()
    const { signal } = (this.here = new AbortController())
    for (const change of ['online', 'offline']) addEventListener(change, this.cameBack, { signal })
    document.addEventListener('visibilitychange', this.cameBack, { signal })
    if (this.hasUpdated) this.cameBack()
  }

  /** A page that only moves the element takes it out and puts it in at once: an answer under way goes on. */
  override disconnectedCallback() {
    super.disconnectedCallback()
    queueMicrotask(() => this.isConnected || this.leave())
  }

  private leave() {
    this.stop()
    this.desk.silence()
    this.here?.abort()
    this.here = undefined
  }

  /** The first look waits a moment: the page's script may set `getToken` right after the element exists. */
  override willUpdate(changes: PropertyValues) {
    this.drawer.shown &&= this.desk.signedIn
    if (!changes.has('api') && !changes.has('getToken')) return
    const first = !this.hasUpdated
    const loaded = new Promise((resolve) => setTimeout(resolve, 0)).then(this.desk.load)
    this.desk.loading = loaded
    if (first) void loaded.then(() => this.emit('ready', { signed_in: this.desk.signedIn }))
  }

  override updated() {
    this.follow.keep()
    fit(this.renderRoot.querySelector('textarea'))
    const wait = this.desk.exchanges.at(-1)?.mishap?.retryAt ?? 0
    if (this.ticking || (wait < steadyNow() && !this.signIn.counting)) return
    this.ticking = setTimeout(() => {
      delete this.ticking
      this.changed()
    }, 1000)
  }

  private cameBack = () => {
    this.changed()
    this.desk.session.follow()
    if (document.hidden || !navigator.onLine) return
    if (!this.desk.signedIn && this.getToken && this.desk.session.state === 'out') return
    void (this.desk.signedIn ? this.desk.session.check() : this.desk.load())
  }

  private focusSignIn() {
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('label input')?.focus())
  }

  override render() {
    if (this.closed) return launcher(this)
    const { desk, frame } = this
    return html`<div class="panel" part="panel" role="region" aria-label="Assistant" @click=${copyCode}>
      ${header(frame)} ${banner(frame)}
      <div class="middle">
        ${this.log()} ${this.drawer.view(this.shelf)} ${this.drawer.shown ? nothing : this.told.wayDown()}
      </div>
      ${composerView(this.writing)}
      <div class="sr" role="status">${desk.said}</div>
    </div>`
  }

  private log() {
    const { exchanges, session } = this.desk
    const loading = session.state === 'unknown'
    const told = this.told.view(exchanges, this.actions)
    return html`<div class="log" part="log" role="log" aria-live=${this.told.quiet ? 'off' : 'polite'} aria-label="Conversation"
      tabindex="0" aria-busy=${this.desk.chat.busy || loading} @scroll=${this.told.noticed}>
      ${session.state === 'in' && !exchanges.length ? welcome() : nothing}
      ${session.state === 'out' ? (this.getToken ? elsewhere(this.frame) : this.signIn.view()) : nothing}
      ${session.state === 'unreachable' ? unreachable(this.frame) : nothing}
      ${told}
    </div>`
  }

  private get frame(): Frame {
    const { desk } = this
    return {
      session: desk.session,
      locale: this.locale,
      account: this.account,
      mode: this.mode,
      online: navigator.onLine,
      title: desk.chat.conversation.title,
      listed: this.drawer.shown,
      lowDismissed: desk.lowDismissed,
      toggleList: () => this.drawer.toggle(),
      clear: () => this.clear(),
      close: () => this.close(),
      dismissLow: (level) => {
        desk.lowDismissed = level
        this.changed()
      },
      reload: () => void desk.load(),
    }
  }

  private get writing() {
    const { desk } = this
    return {
      busy: desk.chat.busy,
      editing: desk.editing !== undefined,
      notice: desk.notice,
      empty: !desk.exchanges.length,
      tooLong: tooLong(desk.draft, this.locale) !== '',
      chips: desk.chips,
      draft: desk.draft,
      typed: (text: string) => desk.type(text),
      submit: () => this.submit(),
      stop: () => this.stop(),
      escape: () => this.escape(),
      editLast: () => this.edit(desk.exchanges.at(-1)),
      dropEdit: () => desk.dropEdit(),
      changed: () => this.changed(),
    }
  }

  private get shelf(): Shelf {
    const { desk } = this
    return {
      locale: this.locale,
      all: desk.conversations,
      current: desk.chat.conversation.id,
      email: desk.session.account?.email,
      open: (one) => desk.show(one),
      rename: (one, title) => desk.rename(one, title),
      remove: (one) => desk.remove(one),
      bringBack: (one) => desk.bringBack(one),
      signOut: this.getToken ? undefined : () => void desk.session.signOut(),
    }
  }

  private get actions(): Actions {
    const { chat, tools } = this.desk
    return {
      locale: this.locale,
      account: this.account,
      busy: chat.busy,
      edit: (exchange) => this.edit(exchange),
      retry: (exchange, tokens) => void this.desk.attempt((chat) => chat.retry(exchange, tokens)),
      goOn: (exchange) => void this.desk.attempt((chat) => chat.goOn(exchange)),
      copy,
      decide: (call, accepted) => {
        chat.decide(call, accepted)
        this.focus()
      },
      canUndo: (call) => tools.canUndo(call),
      undo: (call) => void chat.undo(call).catch(() => this.desk.tell('The page could not undo this.')),
      clear: () => this.clear(),
    }
  }

  private submit() {
    this.follow.atEnd = true
    this.focus()
    void this.desk.submit().then((went) => went || this.focusSignIn())
  }

  private edit(exchange?: Exchange) {
    if (exchange) this.desk.edit(exchange)
    this.focus()
  }

  private escape(): boolean {
    if (this.desk.chat.busy) this.stop()
    else if (this.drawer.shown) this.drawer.toggle(false)
    else if (this.desk.editing) this.desk.dropEdit()
    else return false
    return true
  }
}

if (!customElements.get('assistant-panel')) customElements.define('assistant-panel', AssistantPanel)
