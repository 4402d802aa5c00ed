/** Conversations in the browser's own database, each under the account that it belongs to. */

import type { Conversation } from './conversation'
import { inTurn } from './tabs'

const name = 'assistant-panel'
const store = 'conversations'
const openMs = 3_000

/** Where storage is blocked (private windows, foreign frames) conversations live as long as the page. */
export class History {
  private memory = new Map<string, Conversation>()
  /** What was in this database once: when it is no longer there, another tab has removed it. */
  private seen = new Set<string>()
  private opened?: Promise<IDBDatabase | undefined>
  private others?: BroadcastChannel | undefined

  /** `heard` is called when another tab of this page's origin has kept or removed something. */
  listen(heard: () => void) {
    this.others = new BroadcastChannel(`${name}:${store}`)
    this.others.onmessage = heard
  }

  silence() {
    this.others?.close()
    this.others = undefined
  }

  /** Runs `work` unless another tab is at work on the same conversation; resolves to whether it ran. */
  async alone(id: string, work: () => Promise<void>): Promise<boolean> {
    return inTurn(`${name}:${id}`, { ifAvailable: true }, async (lock) => {
      if (lock) await work()
      return lock !== null
    })
  }

  /** Whether it was kept at some time, by this tab or another. */
  knew(id: string): boolean {
    return this.seen.has(id)
  }

  async one(id: string): Promise<Conversation | undefined> {
    const here = this.memory.get(id)
    return here ?? (await this.ask<Conversation | null>('readonly', (rows) => rows.get(id))).answer ?? undefined
  }

  async list(account: string): Promise<Conversation[]> {
    const { answer: kept, seen } = await this.ask<Conversation[]>('readonly', (rows) => rows.index('account').getAll(account))
    for (const { id } of kept ?? []) seen.add(id)
    const here = [...this.memory.values()].filter((one) => one.account === account)
    const all = [...new Map([...(kept ?? []), ...here].map((one) => [one.id, one])).values()]
    return all.sort((a, b) => b.updated - a.updated)
  }

  /** Resolves to false when another tab has removed it meanwhile: nothing is written then. */
  async save(conversation: Conversation, quietly = false): Promise<boolean> {
    const plain: Conversation = JSON.parse(JSON.stringify(conversation))
    const { answer: kept, seen } = await this.ask('readwrite', (rows) =>
      this.seen.has(plain.id) ? putAgain(rows, plain) : rows.put(plain),
    )
    if (kept === null) return false
    if (kept === undefined) this.memory.set(plain.id, plain)
    else {
      this.memory.delete(plain.id)
      seen.add(plain.id)
    }
    if (!quietly) this.others?.postMessage('')
    return true
  }

  async remove(id: string): Promise<void> {
    this.memory.delete(id)
    this.seen.delete(id)
    await this.ask('readwrite', (rows) => rows.delete(id))
    this.others?.postMessage('')
  }

  /** Somebody cleared this browser's storage: what is on the screen is written anew, and not taken for removed. */
  private wiped = () => {
    this.opened = undefined
    this.seen = new Set()
  }

  /**
   * Resolves once the answer stands: a change is committed then, and survives whatever happens to the page. With it comes
   * what had been seen in the database that answered, which may be gone by then.
   */
  private async ask<T>(
    mode: IDBTransactionMode,
    question: (rows: IDBObjectStore) => IDBRequest<any>,
  ): Promise<{ answer?: T; seen: Set<string> }> {
    const opening = (this.opened ??= open(this.wiped))
    const database = await opening
    if (opening !== this.opened) return this.ask(mode, question)
    const { seen } = this
    if (!database) return { seen }
    return new Promise((resolve) => {
      const transaction = database.transaction(store, mode)
      const request = question(transaction.objectStore(store))
      transaction.oncomplete = () => resolve({ answer: (request.result ?? null) as T, seen })
      transaction.onabort = () => resolve({ seen })
    })
  }
}

/** Writes over the row, unless there is none any more: the answer is empty then. */
function putAgain(rows: IDBObjectStore, plain: Conversation): IDBRequest {
  const found = rows.getKey(plain.id)
  found.onsuccess = () => found.result === undefined || rows.put(plain)
  return found
}

function open(wiped: () => void): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    // Some browsers never answer where storage is blocked.
    setTimeout(resolve, openMs)
    try {
      const request = indexedDB.open(name, 1)
      request.onupgradeneeded = () =>
        request.result.createObjectStore(store, { keyPath: 'id' }).createIndex('account', 'account')
      request.onsuccess = () => {
        const database = request.result
        database.onclose = wiped
        database.onversionchange = () => {
          database.close()
          wiped()
        }
        resolve(database)
      }
      request.onerror = request.onblocked = () => resolve(undefined)
    } catch {
      resolve(undefined)
    }
  })
}

/** The unsent text of an account, which outlives the tab. */
export const drafts = {
  read: (account: string) => quietly(() => localStorage.getItem(key(account))) ?? '',
  write(account: string, text: string) {
    quietly(() => (text ? localStorage.setItem(key(account), text) : localStorage.removeItem(key(account))))
  },
}

/** Texts that wait in one box, none of them twice. */
export function joined(...texts: string[]): string {
  return [...new Set(texts.filter((text) => text.trim()))].join('\n\n')
}

/** Which conversation this tab was in, so that a reload returns to it. */
export const place = {
  read: () => quietly(() => sessionStorage.getItem(name)) ?? undefined,
  write: (id: string) => void quietly(() => sessionStorage.setItem(name, id)),
}

function key(account: string) {
  return `${name}:draft:${account}`
}

function quietly<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
