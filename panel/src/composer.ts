/** Where a message is written: the text, the context chips above it, Send or Stop beside it. */

import { html, nothing } from 'lit'

import type { Chips } from './context'
import { direction } from './draft'
import { icon } from './icons'

export interface Writing {
  readonly busy: boolean
  readonly editing: boolean
  readonly notice: string
  readonly empty: boolean
  readonly tooLong: boolean
  readonly chips: Chips
  draft: string
  typed(text: string): void
  submit(): void
  stop(): void
  escape(): boolean
  editLast(): void
  dropEdit(): void
  changed(): void
}

export function composerView(writing: Writing) {
  return html`<form class="composer" part="composer" @submit=${(event: Event) => submitted(event, writing)}>
    ${writing.notice ? html`<p class="editing">${writing.notice}</p>` : nothing}
    ${writing.editing ? editNote(writing) : nothing} ${chipsView(writing)}
    <div class="write">
      <textarea part="input" aria-label="Message" rows="1" dir=${direction(writing.draft)} enterkeyhint="send" @beforeinput=${madeReady}
        placeholder=${writing.empty ? 'Ask anything about your font' : 'Reply'} .value=${writing.draft}
        @input=${(event: Event) => writing.typed((event.target as HTMLTextAreaElement).value)} @keydown=${(event: KeyboardEvent) => key(event, writing)}></textarea>
      ${writing.busy
        ? html`<button type="button" class="round stop" part="stop" aria-label="Stop" title="Stop (Esc)"
            @click=${() => writing.stop()}>${icon('stop')}</button>`
        : html`<button class="round" part="send" aria-label="Send" title="Send (Enter)"
            ?disabled=${writing.tooLong || !writing.draft.trim()}>${icon('send')}</button>`}
    </div>
  </form>`
}

function chipsView(writing: Writing) {
  if (!writing.chips.shown.length) return nothing
  const remove = (name: string) => {
    writing.chips.remove(name)
    writing.changed()
  }
  return html`<ul class="chips" aria-label="Sent along">
    ${writing.chips.shown.map(
      ([name, text]) => html`<li class="chip" part="chip" title=${text.slice(0, 400)}>
        <span>${name}</span> <b dir="auto">${legible(text)}</b>
        <button type="button" aria-label="Remove ${name}" @click=${() => remove(name)}>${icon('close')}</button>
      </li>`,
    )}
  </ul>`
}

function legible(text: string): string {
  const plain = /^[[{]/.test(text) ? text.replace(/["{}[\]]/g, '').replace(/[:,](?=\S)/g, '$& ') : text
  return plain.slice(0, 40)
}

function editNote(writing: Writing) {
  return html`<p class="editing">
    Editing: this and what followed it will be replaced.
    <button type="button" class="quiet" @click=${() => writing.dropEdit()}>Cancel</button>
  </p>`
}

/** A long text is laid out as soon as it is pasted: its direction has to be there before. */
function madeReady({ target, data }: InputEvent) {
  if (direction(data ?? '') !== 'auto') (target as HTMLElement).dir = direction(data!)
}

function submitted(event: Event, writing: Writing) {
  event.preventDefault()
  writing.submit()
}

/** For browsers that do not size a text box by its content: called whenever that may have changed. */
export function fit(box: HTMLTextAreaElement | null) {
  if (!box || CSS.supports('field-sizing', 'content')) return
  if (box.dir !== 'auto') return void (box.style.height = '40vh')
  box.style.height = 'auto'
  box.style.height = `${box.scrollHeight}px`
}

function key(event: KeyboardEvent, writing: Writing) {
  // The host's own shortcuts (a font editor has many on bare letters) must not hear what is typed here.
  event.stopPropagation()
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault()
    writing.submit()
  } else if (event.key === 'Escape') {
    if (writing.escape()) event.preventDefault()
  } else if (event.key === 'ArrowUp' && !writing.draft && !writing.busy) {
    event.preventDefault()
    writing.editLast()
  }
}
