import { expect, test } from 'vitest'

import { newConversation, newExchange, titleOf, toMarkdown, toMessages, type Exchange } from '../src/conversation'

function answered(text: string, answer: string, context: Record<string, string> = {}): Exchange {
  const exchange = newExchange(text, context)
  exchange.rounds = [
    { content: [{ type: 'text', text: answer }], calls: [], receipt: { request_id: 'r', price_usd: '0.01' } },
  ]
  return exchange
}

test('the last two questions carry cache points, and no more', () => {
  const messages = toMessages([answered('a', '1'), answered('b', '2'), newExchange('c', {})])
  const marked = messages.map((message) => message.content.some((block) => 'cache_control' in block))
  expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user', 'assistant', 'user'])
  expect(marked).toEqual([false, false, true, false, true])
})

test('a conversation that grows keeps its beginning byte for byte, which is what a cache needs', () => {
  const bare = (exchanges: Exchange[]) =>
    JSON.stringify(toMessages(exchanges)).replaceAll(',"cache_control":{"type":"ephemeral"}', '').slice(0, -1)
  const begun = [answered('a', '1', { glyph: 'A' }), answered('b', '2', { glyph: 'B' })]
  expect(bare([...begun, newExchange('c', { glyph: 'C' })]).startsWith(bare(begun))).toBe(true)
})

test('an unchanged context is sent once', () => {
  const told = JSON.stringify(toMessages([answered('a', '1', { glyph: 'A' }), newExchange('b', { glyph: 'A' })]))
  expect(told.match(/editor_context>\{/g)).toHaveLength(1)
})

test('a question that never got an answer is not repeated to Claude', () => {
  const failed = { ...newExchange('lost', {}), state: 'failed' as const }
  expect(JSON.stringify(toMessages([failed, newExchange('b', {})]))).not.toContain('lost')
})

test('every tool call gets a result, run or not', () => {
  const exchange = newExchange('do', {})
  const use = { type: 'tool_use', id: 't', name: 'set', input: {} }
  exchange.rounds = [{ content: [use], calls: [{ id: 't', name: 'set', input: {}, state: 'declined' }] }]
  const last = toMessages([exchange]).at(-1)!
  expect(last.content[0]).toMatchObject({ type: 'tool_result', tool_use_id: 't', content: expect.stringContaining('declined') })
})

test('the export has the questions, the answers and what they cost', () => {
  const conversation = { ...newConversation('me'), title: 'Kerning', exchanges: [answered('Why?\nHow?', 'Because.')] }
  expect(toMarkdown(conversation)).toBe('# Kerning\n\n> Why?\n> How?\n\nBecause.\n\n_$0.01_\n')
})

test('a title is one short line', () => {
  expect(titleOf('  a\nb')).toBe('a')
  expect(titleOf('x'.repeat(200))).toHaveLength(60)
})
