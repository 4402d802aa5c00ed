import { expect, test } from 'vitest'

import { dollars, pico, price, shareLeft, sum } from '../src/money'

test('sums are exact to the last of twelve places', () => {
  expect(sum(['0.1', '0.2'])).toBe('0.3')
  expect(sum(['0.000000000001', '9000000.000000000002'])).toBe('9000000.000000000003')
  expect(sum(['1', '-1.5'])).toBe('-0.5')
  expect(pico('0.004215')).toBe(4_215_000_000n)
})

test('what is not zero is never shown as zero', () => {
  expect(dollars('0.004', 'en')).toBe('<$0.01')
  expect(dollars('0', 'en')).toBe('$0.00')
  expect(price('0.00001', 'en')).toBe('<$0.0001')
  expect(price('0.004215', 'en')).toBe('$0.0042')
  expect(price('12.345', 'en')).toMatch(/^\$12\.3[45]$/)
})

test('figures follow the locale', () => {
  expect(dollars('1234.5', 'de')).toMatch(/1\.234,50/)
})

test('the share left counts the live grants and the overage allowed', () => {
  const grants = [
    { granted_usd: '10', remaining_usd: '2' },
    { granted_usd: '50', remaining_usd: '0' },
  ]
  expect(shareLeft({ available_usd: '2', credit_usd: '2', grants })).toBeCloseTo(0.2)
  expect(shareLeft({ available_usd: '42', credit_usd: '2', overage_usd: '10', grants })).toBeCloseTo(42 / 60)
  expect(shareLeft({ available_usd: '0', credit_usd: '0', grants: [] })).toBe(0)
})
