/** Money for the eye. Sums are exact: decimal strings become integers of 1e-12 USD and never floats. */

import type { Usd } from './api'

const places = 12

export function pico(usd: Usd): bigint {
  const [whole = '0', part = ''] = usd.replace('-', '').split('.')
  const value = BigInt(whole + part.slice(0, places).padEnd(places, '0'))
  return usd.startsWith('-') ? -value : value
}

export function sum(amounts: Usd[]): Usd {
  const total = amounts.reduce((so_far, amount) => so_far + pico(amount), 0n)
  const digits = String(total < 0n ? -total : total).padStart(places + 1, '0')
  const exact = `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '')
  return total < 0n ? `-${exact}` : exact
}

/** A balance: whole cents, never more than there is, and "<$0.01" for what is more than nothing. */
export function dollars(usd: Usd, locale?: string): string {
  return atLeast(usd, 2, locale, 'floor')
}

/** A price of one answer, which is most often below a cent: four places. */
export function price(usd: Usd, locale?: string): string {
  return atLeast(usd, pico(usd) < pico('1') ? 4 : 2, locale)
}

function atLeast(usd: Usd, digits: number, locale?: string, roundingMode?: 'floor'): string {
  const show = new Intl.NumberFormat(locale || undefined, {
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
    roundingMode,
  })
  const least = 1 / 10 ** digits
  const value = Number(usd)
  return value > 0 && value < least ? `<${show.format(least)}` : show.format(value)
}

/** Share of the credit that is left, 0 to 1, of the grants that still hold something and the overage allowed. */
export function shareLeft(balance: {
  available_usd: Usd
  held_usd?: Usd
  credit_usd?: Usd
  overage_usd?: Usd
  grants?: { granted_usd: Usd; remaining_usd: Usd }[]
}): number {
  const live = (balance.grants ?? []).filter((grant) => pico(grant.remaining_usd) > 0n)
  const granted = live.reduce((total, grant) => total + pico(grant.granted_usd), 0n)
  const left = pico(balance.available_usd) + pico(balance.held_usd ?? '0')
  const overageLeft = left - pico(balance.credit_usd ?? balance.available_usd)
  const all = granted + (overageLeft > 0n ? overageLeft + pico(balance.overage_usd ?? '0') : 0n)
  if (left <= 0n) return 0
  return all > 0n ? Math.min(1, Number(left) / Number(all)) : 1
}
