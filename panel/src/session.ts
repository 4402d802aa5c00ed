/** Who is signed in and what is left: the relay's own answers, never remembered from an earlier visit. */

import { createParser } from 'eventsource-parser'

import type { Balance, Receipt } from './api'
import { Fault } from './fault'
import type { Relay } from './relay'
import { feed } from './stream'
import { inTurn } from './tabs'

const pauseMs = 1_000
const failuresMax = 6

export interface Account {
  id: string
  email: string
}

export class Session {
  state: 'unknown' | 'in' | 'out' | 'unreachable' = 'unknown'
  account?: Account
  balance?: Balance
  private others?: BroadcastChannel | undefined
  private balances?: BroadcastChannel | undefined
  private following?: AbortController | undefined

  constructor(
    private readonly relay: Relay,
    private readonly changed: (balance?: Balance) => void,
  ) {}

  /** Listens to the other tabs of this page's origin: signing in or out in one is seen in all. */
  listen() {
    this.others = new BroadcastChannel('assistant-panel')
    this.others.onmessage = () => void this.load()
    this.balances = new BroadcastChannel('assistant-panel:balance')
    this.balances.onmessage = ({ data }) => data.of === this.source && this.following && this.told(data.balance)
  }

  silence() {
    this.others?.close()
    this.balances?.close()
    this.others = this.balances = undefined
    this.unfollow()
  }

  /** Keeps the balance true while somebody can see it. A hidden tab holds no connection: a browser has only a few. */
  follow() {
    if (this.state !== 'in' || document.hidden) return this.unfollow()
    if (this.following) return
    const { signal } = (this.following = new AbortController())
    // One tab listens for all that can be seen: over HTTP/1.1 six of them would leave no connection for a question.
    const turn = inTurn(`assistant-panel:balance:${this.source}`, { signal }, () => this.keepUp(signal))
    turn.catch(() => undefined)
  }

  /** Whose balance it is, and who says so. */
  private get source(): string {
    return `${this.relay.base} ${this.account?.id}`
  }

  private unfollow() {
    this.following?.abort()
    this.following = undefined
  }

  private async keepUp(signal: AbortSignal) {
    for (let failures = 0; failures < failuresMax && !signal.aborted; failures += 1) {
      try {
        if (failures) await this.check()
        const response = await this.relay.fetch('/api/balance/events', { signal }, true)
        failures = 0
        const parser = createParser({ onEvent: ({ event, data }) => event === 'balance' && this.tell(JSON.parse(data)) })
        await feed(response.body!, (text) => parser.feed(text))
      } catch (problem) {
        if (signal.aborted) return
        if (isSignedOut(problem)) return this.expired()
        if (problem instanceof Fault && problem.code === 'not_found') break
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** failures * (1 + Math.random())))
    }
    if (!signal.aborted) this.following = undefined
  }

  private tell(balance: Balance) {
    this.told(balance)
    this.balances?.postMessage({ of: this.source, balance })
  }

  private told(balance: Balance) {
    this.balance = balance
    this.changed(balance)
  }

  /** A token of the page's that ran out is renewed by the next question; a cookie that no longer counts is a sign-out. */
  private expired() {
    this.unfollow()
    if (!this.relay.hasToken) this.out()
  }

  async load(): Promise<void> {
    try {
      const { account } = await this.relay.get<{ account: Account }>('/api/auth/me')
      // What is followed is the balance of whoever was here when it began.
      if (this.account?.id !== account.id) this.unfollow()
      this.account = account
      this.state = 'in'
      this.changed()
      await this.refresh()
      this.follow()
    } catch (problem) {
      this.lost(problem)
    }
  }

  /** The cookie is everybody's who uses this browser: another person may have come since it was last looked at. */
  async check(): Promise<void> {
    return this.relay.hasToken ? this.refresh() : this.load()
  }

  async refresh(): Promise<void> {
    if (this.state !== 'in') return
    try {
      this.told(await this.relay.get<Balance>('/api/balance', true))
    } catch (problem) {
      if (isSignedOut(problem)) this.expired()
    }
  }

  /** A receipt says what is left before the next look at the balance does. */
  booked(receipt: Receipt) {
    if (this.balance && receipt.available_usd) this.told({ ...this.balance, available_usd: receipt.available_usd })
    if (this.following) return
    void this.refresh()
    this.follow()
  }

  requestCode(email: string): Promise<unknown> {
    return this.relay.post('/api/auth/request', { email })
  }

  async verify(email: string, code: string): Promise<void> {
    await this.relay.post('/api/auth/verify', { email, code })
    await this.load()
    this.others?.postMessage('in')
  }

  async signOut(): Promise<void> {
    await this.relay.post('/api/auth/logout')
    this.out()
    this.others?.postMessage('out')
  }

  out() {
    this.unfollow()
    this.relay.forget()
    this.state = 'out'
    this.account = this.balance = undefined
    this.changed()
  }

  private lost(problem: unknown) {
    if (isSignedOut(problem)) return this.out()
    if (this.state !== 'in') this.state = 'unreachable'
    this.changed()
  }
}

function isSignedOut(problem: unknown): boolean {
  return problem instanceof Fault && problem.code === 'signed_out'
}
