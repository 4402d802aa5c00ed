/** The way to the API: who is asking, and what a dead network means. */

import { Fault, faultOf, networkFault } from './fault'

export interface Caller {
  api: string
  getToken?: (() => string | Promise<string>) | undefined
}

export class Relay {
  private token?: string

  constructor(private readonly caller: () => Caller) {}

  forget() {
    this.token = undefined
  }

  /** Whether the page vouches for its visitor. Only it can then say that the visitor has left. */
  get hasToken(): boolean {
    return this.caller().getToken !== undefined
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

  private async attempt(path: string, init: RequestInit): Promise<Response> {
    const { api, getToken } = this.caller()
    const headers = new Headers(init.headers)
    if (getToken) headers.set('authorization', `Bearer ${(this.token ??= await askFor(getToken))}`)
    try {
      return await fetch(api.replace(/\/$/, '') + path, {
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

async function askFor(getToken: () => string | Promise<string>): Promise<string> {
  try {
    return await getToken()
  } catch {
    throw new Fault('signed_out', 'getToken() failed')
  }
}
