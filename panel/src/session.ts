/** Who is signed in and what is left: the relay's own answers, never remembered from an earlier visit. */

import type { Balance, Receipt } from './api'
import { Fault } from './fault'
import type { Relay } from './relay'

export interface Account {
  id: string
  email: string
}

export class Session {
  state: 'unknown' | 'in' | 'out' | 'unreachable' = 'unknown'
  account?: Account
  balance?: Balance
  private others?: BroadcastChannel

  constructor(
    private readonly relay: Relay,
    private readonly changed: (balance?: Balance) => void,
  ) {}

  /** Listens to the other tabs of this page's origin: signing in or out in one is seen in all. */
  listen() {
    this.others = new BroadcastChannel('assistant-panel')
    this.others.onmessage = () => void this.load()
  }

  silence() {
    this.others?.close()
    this.others = undefined
  }

  async load(): Promise<void> {
    try {
      const { account } = await this.relay.get<{ account: Account }>('/api/auth/me')
      this.account = account
      this.state = 'in'
      this.changed()
      await this.refresh()
    } catch (problem) {
      this.lost(problem)
    }
  }

  async refresh(): Promise<void> {
    if (this.state !== 'in') return
    try {
      this.balance = await this.relay.get<Balance>('/api/balance')
      this.changed(this.balance)
    } catch (problem) {
      if (isSignedOut(problem)) this.out()
    }
  }

  /** A receipt says what is left before the next look at the balance does. */
  booked(receipt: Receipt) {
    if (!this.balance || !receipt.available_usd) return
    this.balance = { ...this.balance, available_usd: receipt.available_usd }
    this.changed(this.balance)
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

export function isSignedOut(problem: unknown): boolean {
  return problem instanceof Fault && problem.code === 'signed_out'
}
