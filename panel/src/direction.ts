/** Which way a text is written. */

const longChars = 10_000

/** Browsers take seconds to ask every line of a very long text: it is written the way of its first letter. */
export function direction(text: string): 'auto' | 'ltr' | 'rtl' {
  if (text.length < longChars) return 'auto'
  const letter = /\p{L}/u.exec(text.slice(0, longChars))?.[0] ?? ''
  return /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/.test(letter) ? 'rtl' : 'ltr'
}
