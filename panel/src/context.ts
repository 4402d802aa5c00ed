/** What the page tells Claude about itself, as chips that a person can take away. */

import type { Context } from './api'

export const contextBytesMax = 8_192

export class Chips {
  private all = new Map<string, string>()
  private removed = new Map<string, string>()

  /** A removed chip stays away until the page gives it another value. */
  set(context: Context) {
    this.all = new Map()
    let room = contextBytesMax
    for (const [name, value] of Object.entries(context)) {
      if (room <= 0) return
      if (value === undefined || value === null || value === '') continue
      const text = shortened(typeof value === 'string' ? value : JSON.stringify(value), room)
      room -= new TextEncoder().encode(name + text).length
      if (room >= 0) this.all.set(name, text)
    }
  }

  remove(name: string) {
    this.removed.set(name, this.all.get(name) ?? '')
  }

  get shown(): [name: string, text: string][] {
    return [...this.all].filter(([name, text]) => this.removed.get(name) !== text)
  }

  record(): Record<string, string> {
    return Object.fromEntries(this.shown)
  }
}

function shortened(text: string, room: number): string {
  // No more of a very long text is looked at than could fit.
  const bytes = new TextEncoder().encode(text.slice(0, room))
  if (bytes.length <= room / 2) return text
  return `${new TextDecoder().decode(bytes.subarray(0, room / 2)).replace(/\uFFFD+$/, '')}…`
}
