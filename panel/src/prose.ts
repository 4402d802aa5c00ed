/** The text of an answer. Markdown's module comes after the panel's own, and until it is here the text is shown as it is. */

import type { MarkdownView } from './markdown'

/** `markdown.js?` and the hash of its bytes: set by the build, so that either file may be cached for good. */
declare const MARKDOWN_FILE: string

type View = typeof MarkdownView

let view: View | undefined
let coming: Promise<void> | undefined
let tries = 0

/** Draws `panel` anew once the module is here. Without it an answer stays in plain text, which is better than none. */
export async function fetchMarkdown(panel: { changed(): void }): Promise<void> {
  await fetched()
  panel.changed()
}

function fetched(): Promise<void> {
  // A browser remembers that an address failed, so another try needs another address.
  const again = tries ? `&${tries}` : ''
  return (coming ??= import(new URL(MARKDOWN_FILE + again, import.meta.url).href).then(
    (module: { MarkdownView: View }) => void (view = module.MarkdownView),
    () => {
      tries += 1
      coming = undefined
    },
  ))
}

export const hasMarkdown = () => view !== undefined

export class Prose {
  readonly node = document.createElement('div')
  private markdown?: MarkdownView
  private shown = ''

  constructor() {
    this.node.className = 'prose'
    this.node.dir = 'auto'
  }

  /** May be called at every frame with the text so far. */
  show(text: string, complete: boolean) {
    if (!this.markdown && view) {
      this.node.replaceChildren()
      this.node.classList.remove('unset')
      this.markdown = new view(this.node)
    }
    if (this.markdown) return this.draw(this.markdown, text, complete)
    this.node.classList.add('unset')
    if (this.node.textContent !== text) this.node.textContent = text
  }

  /** Every change of the panel asks again for all of its answers: those that stand as they are cost nothing. */
  private draw(markdown: MarkdownView, text: string, complete: boolean) {
    if (complete && this.shown === text) return
    this.shown = complete ? text : ''
    markdown.show(text, complete)
  }
}
