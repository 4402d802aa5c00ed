/** Conversations in the browser's own database, each under the account that it belongs to. */

import type { Conversation } from './conversation'

const name = 'assistant-panel'
const store = 'conversations'

/** Where storage is blocked (private windows, foreign frames) conversations live as long as the page. */
export class History {
  private memory = new Map<string, Conversation>()
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
    if (!navigator.locks) return work().then(() => true)
    return navigator.locks.request(`${name}:${id}`, { ifAvailable: true }, async (lock) => {
      if (lock) await work()
      return lock !== null
    })
  }

  async one(id: string): Promise<Conversation | undefined> {
    return (await this.ask<Conversation | null>('readonly', (rows) => rows.get(id))) ?? this.memory.get(id)
  }

  async list(account: string): Promise<Conversation[]> {
    const kept = await this.ask<Conversation[]>('readonly', (rows) => rows.index('account').getAll(account))
    const all = kept ?? [...this.memory.values()].filter((one) => one.account === account)
    return all.sort((a, b) => b.updated - a.updated)
  }

  async save(conversation: Conversation): Promise<void> {
    const plain: Conversation = JSON.parse(JSON.stringify(conversation))
    const kept = await this.ask('readwrite', (rows) => rows.put(plain))
    if (kept === undefined) this.memory.set(plain.id, plain)
    this.others?.postMessage('')
  }

  async remove(id: string): Promise<void> {
    this.memory.delete(id)
    await this.ask('readwrite', (rows) => rows.delete(id))
    this.others?.postMessage('')
  }

  /** Resolves once the answer stands: a change is committed then, and survives whatever happens to the page. */
  private async ask<T>(
    mode: IDBTransactionMode,
    question: (rows: IDBObjectStore) => IDBRequest<any>,
  ): Promise<T | undefined> {
    const database = await (this.opened ??= open())
    if (!database) return undefined
    return new Promise((resolve) => {
      const transaction = database.transaction(store, mode)
      const request = question(transaction.objectStore(store))
      transaction.oncomplete = () => resolve((request.result ?? null) as T)
      transaction.onabort = () => resolve(undefined)
    })
  }
}

function open(): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(name, 1)
      request.onupgradeneeded = () =>
        request.result.createObjectStore(store, { keyPath: 'id' }).createIndex('account', 'account')
      request.onsuccess = () => resolve(request.result)
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
