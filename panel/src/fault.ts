/** Everything that can go wrong, in words that say the way out. */

import { dollars } from './money'

/** Milliseconds since 1970, unmoved while the page is open when the device's clock is set. */
export const steadyNow = () => performance.timeOrigin + performance.now()

export class Fault extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly about: { requestId?: string; retryAfter?: number; needed?: string; available?: string; fits?: number } = {},
  ) {
    super(message)
  }
}

/** A fault as it is kept with a conversation: plain data. */
export interface Mishap {
  code: string
  title: string
  text: string
  requestId?: string
  retryAt?: number
  /** The `max_tokens` that the credit left would pay for. */
  fits?: number
}

const codeOfStatus: Record<number, string> = {
  401: 'signed_out',
  402: 'insufficient_credit',
  403: 'forbidden',
  409: 'another_account',
  413: 'too_long',
  429: 'rate_limited',
  529: 'overloaded',
}

const codeOfType: Record<string, string> = {
  overloaded_error: 'overloaded',
  rate_limit_error: 'rate_limited',
  authentication_error: 'signed_out',
  not_signed_in: 'signed_out',
  request_too_large: 'too_long',
}

/** Reads Anthropic's envelope and problem+json alike. */
export async function faultOf(response: Response): Promise<Fault> {
  const body = await response.json().catch(() => ({}))
  const error = body.error ?? body
  const isFull = /prompt is too long/.test(error.message)
  const named = isFull ? 'too_long' : [error.code, error.type].find((name) => name === 'cap_reached' || name === 'insufficient_credit')
  const wait = Number(response.headers.get('retry-after') ?? error.retry_after)
  return new Fault(
    named ?? codeOfStatus[response.status] ?? (response.status >= 500 ? 'unavailable' : (error.code ?? 'refused')),
    String(error.message ?? error.detail ?? error.title ?? ''),
    {
      requestId: response.headers.get('request-id') ?? body.request_id ?? undefined,
      retryAfter: wait > 0 ? wait : undefined,
      needed: error.needed_usd,
      available: error.available_usd,
      fits: error.max_tokens_affordable,
    },
  )
}

/** The `error` event inside a stream. */
export function faultOfEvent(error: { type?: string; code?: string; message?: string } = {}): Fault {
  const { code = '', type = '', message = '' } = error
  return new Fault(codeOfType[code] ?? codeOfType[type] ?? (code || 'cut'), message)
}

export function networkFault(): Fault {
  return new Fault(navigator.onLine === false ? 'offline' : 'unreachable', '')
}

const words: Record<string, [title: string, text: string]> = {
  signed_out: ['You are signed out', 'Sign in again; your message is kept.'],
  another_account: ['Someone else is signed in', 'Somebody else is signed in now, so your message was not sent. It waits for you, and nobody was charged.'],
  insufficient_credit: ['Not enough credit', 'This message may cost more than the credit that is left. Add credit, then try again.'],
  cap_reached: ['Spend cap reached', 'Your own spend cap holds this message back. Raise it, then try again.'],
  rate_limited: ['One moment', 'That was a lot at once.'],
  overloaded: ['Claude is busy', 'Too many people are asking right now. Nothing was charged.'],
  offline: ['You are offline', 'Your message is kept. It can go as soon as you are back.'],
  unreachable: ['No connection to the server', 'Your message is kept. Check the connection, then try again.'],
  cut: ['The answer broke off', 'The connection was lost on the way. What had arrived is kept.'],
  too_long: ['This conversation is too long', 'Start a new one; this one stays in the list.'],
  unavailable: ['Something failed on the server', 'Your message is kept. Please try again in a moment.'],
  limit: ['Paused here', 'The assistant used its tools many times in a row.'],
}

export function mishapOf(fault: Fault, locale?: string): Mishap {
  const [title, text] = words[fault.code] ?? ['This did not work', fault.message || 'Please try again.']
  const { retryAfter, available, needed, requestId, fits } = fault.about
  const figures =
    available && needed ? ` ${dollars(available, locale)} is available, up to ${dollars(needed, locale)} was needed.` : ''
  const retryAt = retryAfter ? steadyNow() + retryAfter * 1000 : undefined
  return { code: fault.code, title, text: text + figures, requestId, retryAt, fits }
}
