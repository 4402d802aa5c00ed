/** The list of conversations: open, rename, export, delete with a way back. */

import { html, nothing } from 'lit'

import { toMarkdown, type Conversation } from './conversation'
import { icon } from './icons'

export interface Shelf {
  readonly locale: string
  readonly all: Conversation[]
  readonly current: string
  readonly email: string | undefined
  open(conversation: Conversation): void
  rename(conversation: Conversation, title: string): Promise<void>
  remove(conversation: Conversation): Promise<void>
  bringBack(conversation: Conversation): void
  signOut: (() => void) | undefined
}

export class Drawer {
  shown = false
  private renaming?: string
  private gone: Conversation[] = []

  constructor(private readonly changed: () => void) {}

  toggle = (shown = !this.shown) => {
    this.shown = shown
    this.renaming = undefined
    this.gone = []
    this.changed()
  }

  view(shelf: Shelf) {
    if (!this.shown) return nothing
    return html`<section class="drawer" part="conversations" aria-label="Conversations">
      ${shelf.all.length ? nothing : html`<p class="none">No conversations yet. Each one that you start is kept here, in this browser.</p>`}
      <ul>
        ${shelf.all.map((one) => this.row(one, shelf))}
      </ul>
      ${this.gone.length ? this.wayBack(shelf) : nothing}
      <footer>
        <bdi>${shelf.email}</bdi>
        ${shelf.all.length ? html`<button class="quiet" @click=${() => this.remove(shelf.all, shelf)}>Delete all</button>` : nothing}
        ${shelf.signOut ? html`<button class="quiet" @click=${shelf.signOut}>Sign out</button>` : nothing}
      </footer>
    </section>`
  }

  private row(one: Conversation, shelf: Shelf) {
    const title = one.title || 'Untitled'
    if (this.renaming === one.id) return html`<li>${this.nameField(one, shelf)}</li>`
    const act = (name: string, picture: Parameters<typeof icon>[0], run: () => void) =>
      html`<button class="icon" title=${name} aria-label="${name} ${title}" @click=${run}>${icon(picture)}</button>`
    return html`<li>
      <button class="title" aria-current=${one.id === shelf.current} @click=${() => this.pick(one, shelf)}>
        <span dir="auto">${title}</span><time>${when(one.updated, shelf.locale)}</time>
      </button>
      ${act('Rename', 'edit', () => this.rename(one.id))} ${act('Export', 'save', () => download(one))}
      ${act('Delete', 'bin', () => this.remove([one], shelf))}
    </li>`
  }

  private nameField(one: Conversation, shelf: Shelf) {
    const keep = async (event: Event) => {
      const name = (event.target as HTMLInputElement).value.trim()
      if (this.renaming && name) await shelf.rename(one, name.slice(0, 200))
      this.rename(undefined)
    }
    const key = (event: KeyboardEvent) => {
      if (event.key === 'Enter') void keep(event)
      if (event.key !== 'Escape') return
      event.stopPropagation()
      this.rename(undefined)
    }
    return html`<input class="rename" aria-label="Name" dir="auto" .value=${one.title} @keydown=${key} @blur=${keep} />`
  }

  private wayBack(shelf: Shelf) {
    const back = () => {
      for (const one of this.gone) shelf.bringBack(one)
      this.gone = []
    }
    const what = this.gone.length > 1 ? `${this.gone.length} conversations deleted.` : 'Deleted.'
    return html`<p class="undo" role="status">${what} <button class="quiet" @click=${back}>Undo</button></p>`
  }

  private pick(one: Conversation, shelf: Shelf) {
    this.toggle(false)
    shelf.open(one)
  }

  private async remove(some: Conversation[], shelf: Shelf) {
    const going = [...some]
    await Promise.all(going.map((one) => shelf.remove(one)))
    this.gone = going
    this.changed()
  }

  private rename(id: string | undefined) {
    this.renaming = id
    this.changed()
  }
}

function when(at: number, locale: string): string {
  const today = new Date().toDateString() === new Date(at).toDateString()
  const style: Intl.DateTimeFormatOptions = today ? { timeStyle: 'short' } : { dateStyle: 'medium' }
  return new Intl.DateTimeFormat(locale || undefined, style).format(at)
}

function download(conversation: Conversation) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([toMarkdown(conversation)], { type: 'text/markdown' }))
  link.download = `${(conversation.title || 'conversation').replace(/[^\p{L}\p{N} _-]/gu, '').slice(0, 60)}.md`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
