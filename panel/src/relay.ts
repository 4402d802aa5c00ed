/** The way to the API: who is asking, and what a dead network means. */

import { Fault, faultOf, networkFault } from './fault'

/** Well before a token's fifteen minutes are over, with room for another try. */
const renewMs = 10 * 60_000
const renewAgainMs = 60_000

export interface Caller {
  readonly isConnected: boolean
  api: string
  getToken?: (() => string | Promise<string>) | undefined
}

export class Relay {
  private token?: string
  private renewal?: ReturnType<typeof setTimeout>

  constructor(private readonly caller: () => Caller) {}

  forget() {
    this.token = undefined
    clearTimeout(this.renewal)
  }

  /** Whether the page vouches for its visitor. Only it can then say that the visitor has left. */
  get hasToken(): boolean {
    return this.caller().getToken !== undefined
  }

  get base(): string {
    return this.caller().api.replace(/\/$/, '')
  }

  /**
   * Resolves to an answer of 2xx; throws a Fault for all else, and lets an abort through as it is. `quiet` never asks the
   * page for a token: that may open a window, which is only for what the person has just asked for.
   */
  async fetch(path: string, init: RequestInit = {}, quiet = false): Promise<Response> {
    if (quiet && this.hasToken && !this.token) throw new Fault('signed_out', '')
    let response = await this.attempt(path, init)
    if (response.status === 401 && this.token) {
      this.forget()
      if (!quiet) response = await this.attempt(path, init)
    }
    if (!response.ok) throw await faultOf(response)
    return response
  }

  async get<T>(path: string, quiet = false): Promise<T> {
    return (await this.fetch(path, {}, quiet)).json()
  }

  post(path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
    const headers = { 'content-type': 'application/json', ...init.headers }
    return this.fetch(path, { ...init, method: 'POST', headers, body: JSON.stringify(body ?? {}) })
  }

  private taken(token: string, wait = renewMs): string {
    clearTimeout(this.renewal)
    this.renewal = setTimeout(() => void this.renew(), wait)
    return (this.token = token)
  }

  /** Silently, so that nobody is asked again. A token that cannot be renewed is used up; then the page brings another. */
  private async renew() {
    const { token } = this
    if (!token || !this.caller().isConnected) return
    try {
      const answer = await this.fetch('/api/auth/token/renew', { method: 'POST' }, true)
      this.taken((await answer.json()).token)
    } catch (problem) {
      const isAway = problem instanceof Fault && ['offline', 'unreachable', 'unavailable'].includes(problem.code)
      if (isAway && this.token === token) this.taken(token, renewAgainMs)
    }
  }

  private async attempt(path: string, init: RequestInit): Promise<Response> {
    const { getToken } = this.caller()
    const headers = new Headers(init.headers)
    if (getToken) headers.set('authorization', `Bearer ${this.token ?? this.taken(await askFor(getToken, init.signal))}`)
    try {
      return await fetch(this.base + path, {
        ...init,
        headers,
        credentials: getToken ? 'omit' : 'include',
        cache: 'no-store',
      })
    } catch (problem) {
      throw init.signal?.aborted ? problem : networkFault()
    }
  }
}

/** The page may take as long as a sign-in does, or for ever: whoever stops the question does not wait for it. */
async function askFor(getToken: () => string | Promise<string>, signal?: AbortSignal | null): Promise<string> {
  signal?.throwIfAborted()
  const stopped = new Promise<never>((_, reject) => signal?.addEventListener('abort', reject, { once: true }))
  try {
    return await Promise.race([getToken(), stopped])
  } catch {
    signal?.throwIfAborted()
    throw new Fault('signed_out', 'getToken() failed')
  }
}
