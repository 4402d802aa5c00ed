/** A message before it is sent: which way it is written, and whether it can go at all. */

const longChars = 10_000
/** Some hundred thousand tokens: a model's context holds little more, and every later question would pay for it again. */
const messageCharsMax = 400_000

/** Browsers take seconds to ask every line of a very long text: it is written the way of its first letter. */
export function direction(text: string): 'auto' | 'ltr' | 'rtl' {
  if (text.length < longChars) return 'auto'
  const letter = /\p{L}/u.exec(text.slice(0, longChars))?.[0] ?? ''
  return /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/.test(letter) ? 'rtl' : 'ltr'
}

/** Why a message is too long to send, in words; empty when it is not. */
export function tooLong(text: string, locale: string): string {
  if (text.length <= messageCharsMax) return ''
  const [length, most] = [text.length, messageCharsMax].map((count) => count.toLocaleString(locale || undefined))
  return `This is too long to send: ${length} characters, and at most ${most} can go at once. It is kept here.`
}
