/** Markdown to safe DOM, block by block, so that a growing answer redraws only its last block. */

import DOMPurify, { type Config } from 'dompurify'
import { Lexer, type Token } from 'marked'

const inert = document.implementation.createHTMLDocument()

const allowed = {
  ALLOWED_TAGS:
    'a blockquote br code del div em h3 h4 h5 h6 hr li ol p pre span strong table tbody td th thead tr ul #text'.split(' '),
  ALLOWED_ATTR: ['href', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  ADD_URI_SAFE_ATTR: ['start'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  IN_PLACE: true,
} satisfies Config

/** An answer's text as nodes below `node`. `show` may be called at every frame with the text so far. */
export class MarkdownView {
  private shown: { raw: string; at: Element }[] = []
  private settledChars = 0
  private settledBlocks = 0

  constructor(private readonly node: Element) {}

  show(text: string, complete: boolean) {
    const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
    const tokens = Lexer.lex(complete ? lines : lines.slice(this.settledChars))
    if (complete) this.settledBlocks = 0
    const blocks = tokens.filter((token) => token.type !== 'space')
    const from = this.settledBlocks
    blocks.forEach((token, at) => this.place(from + at, token))
    for (const { at } of this.shown.splice(from + blocks.length)) at.remove()
    this.settle(tokens, complete)
  }

  /** Every block but the last two is final: a list may still join what follows it, or a heading be underlined. */
  private settle(tokens: Token[], complete: boolean) {
    if (complete) return
    for (const token of tokens.slice(0, -2)) {
      this.settledChars += token.raw.length
      if (token.type !== 'space') this.settledBlocks += 1
    }
  }

  private place(index: number, token: Token) {
    const old = this.shown[index]
    if (old?.raw === token.raw) return
    if (old && grewAsCode(old.at, token)) {
      old.raw = token.raw
      return
    }
    const at = block(token)
    if (old) old.at.replaceWith(at)
    else this.node.append(at)
    this.shown[index] = { raw: token.raw, at }
  }
}

/** A long listing that grows would otherwise be parsed whole at every frame, and lose the reader's selection. */
function grewAsCode(at: Element, token: Token): boolean {
  const code = at.querySelector(':scope > .code code')
  if (token.type !== 'code' || !code) return false
  code.textContent = token.text
  at.querySelector('.code-bar span')!.textContent = language(token)
  return true
}

function block(token: Token): Element {
  const at = document.importNode(safe([token]), true)
  at.querySelectorAll('pre').forEach((pre) => pre.replaceWith(codeBlock(pre, token)))
  at.querySelectorAll('a').forEach(leadOutside)
  at.querySelectorAll('table').forEach(scrollable)
  return at
}

/**
 * Two locks: only known tokens become elements, in a document where nothing loads; then the sanitiser walks over what was
 * made. No HTML is ever written or parsed, so there is nothing that two parsers could read differently.
 */
function safe(tokens: Token[]): Element {
  const box = made('div', nodes(tokens))
  DOMPurify.sanitize(box, allowed)
  return box
}

type Any = Token & { [member: string]: any }

function nodes(tokens: Token[] = []): (Node | string)[] {
  return tokens.map((token) => (renderers[token.type] ?? plain)(token as Any))
}

function made(tag: string, children: (Node | string)[], attributes: Record<string, string> = {}): HTMLElement {
  const node = inert.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  node.append(...children)
  return node
}

const around = (tag: string) => (token: Any) => made(tag, nodes(token.tokens))

/** Raw HTML is shown as it was written: someone who asks about a tag wants to see it. */
function plain(token: Any): Node | string {
  if (/^<br ?\/?>$/i.test(token.raw)) return made('br', [])
  if (token.tokens) return made('span', nodes(token.tokens))
  return token.type === 'html' || token.type === 'escape' || token.type === 'text' ? token.text : ''
}

/** An image would tell its server that this answer was read: a link to it stands in its place. */
const link = (token: Any) =>
  made(allowed.ALLOWED_URI_REGEXP.test(token.href) ? 'a' : 'span', token.type === 'link' ? nodes(token.tokens) : [token.text || token.href], { href: token.href })

const renderers: Record<string, (token: Any) => Node | string> = {
  blockquote: around('blockquote'),
  br: () => made('br', []),
  checkbox: (token) => (token.checked ? '☑ ' : '☐ '),
  code: (token) => made('pre', [made('code', [token.text])]),
  codespan: (token) => made('code', [token.text]),
  del: around('del'),
  em: around('em'),
  heading: (token) => made(`h${Math.min(6, token.depth + 2)}`, nodes(token.tokens)),
  hr: () => made('hr', []),
  image: link,
  link,
  list: (token) =>
    made(token.ordered ? 'ol' : 'ul', token.items.map(around('li')), token.start > 1 ? { start: token.start } : {}),
  paragraph: around('p'),
  strong: around('strong'),
  table: (token) => {
    const row = (tag: string) => (cells: Any[]) => made('tr', cells.map((cell) => around(tag)(cell)))
    return made('table', [made('thead', [row('th')(token.header)]), made('tbody', token.rows.map(row('td')))])
  },
}

function codeBlock(pre: Element, token: Token): Element {
  const box = element('div', 'code')
  const bar = element('div', 'code-bar')
  bar.append(element('span', '', language(token)))
  const copy = element('button', 'quiet', 'Copy code')
  copy.dataset.copy = 'code'
  bar.append(copy)
  const listing = element('pre', '')
  listing.tabIndex = 0
  listing.dir = 'ltr'
  listing.append(element('code', '', pre.textContent?.replace(/\n$/, '')))
  box.append(bar, listing)
  return box
}

function language(token: Token): string {
  return token.type === 'code' ? (token.lang ?? '').split(' ')[0] : ''
}

function leadOutside(link: HTMLAnchorElement) {
  link.target = '_blank'
  link.rel = 'noopener noreferrer'
}

function scrollable(table: Element) {
  const box = element('div', 'wide')
  box.tabIndex = 0
  table.replaceWith(box)
  box.append(table)
}

function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag)
  if (className) made.className = className
  made.textContent = text
  return made
}
