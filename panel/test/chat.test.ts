import { afterEach, expect, test, vi } from 'vitest'

import { Chat, type Host } from '../src/chat'
import { newConversation, toMessages } from '../src/conversation'
import { Relay } from '../src/relay'
import { Toolbox } from '../src/tools'

afterEach(() => vi.unstubAllGlobals())

const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }

function events(...all: object[]): string {
  return all.map((one) => `event: x\ndata: ${JSON.stringify(one)}\n\n`).join('')
}

const asks = events(
  { type: 'content_block_start', index: 0, content_block: call },
  { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use' } },
  { type: 'message_stop' },
)
const answers = events(
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'Fine.' } },
  { type: 'message_stop' },
)

/** A chat whose relay answers with these bodies in turn, and what it was asked. */
function chatWith(...bodies: string[]) {
  const asked: any[] = []
  vi.stubGlobal('fetch', async (address: string, init: RequestInit) => {
    if (!address.endsWith('/messages')) return Response.json({ request_id: 'r', price_usd: '0.001', lines: [{ kind: 'cache_read', tokens: 7 }] })
    asked.push(JSON.parse(init.body as string))
    return new Response(bodies.shift(), { headers: { 'request-id': 'r' } })
  })
  const host = { changed() {}, grew() {}, emit() {}, booked() {}, faulted() {}, save() {}, model: 'm', system: '', locale: 'en' }
  const alone: Host['alone'] = (_, work) => work().then(() => true)
  const tools = new Toolbox()
  const chat = new Chat({ ...host, alone }, new Relay(() => ({ api: '', isConnected: true })), tools)
  chat.conversation = newConversation('a')
  return { chat, tools, asked }
}

/** What the API demands: each call is answered by the very next message. */
function unanswered(messages: any[]): string[] {
  return messages.flatMap((message, at) => {
    const next = new Set((messages[at + 1]?.content ?? []).map((block: any) => block.tool_use_id))
    return message.content.filter((block: any) => block.type === 'tool_use' && !next.has(block.id)).map((block: any) => block.id)
  })
}

test('a call whose person was asked and who pressed Stop is answered all the same', async () => {
  const { chat, tools, asked } = chatWith(asks, answers)
  tools.register({ name: 'look', description: '', input_schema: { type: 'object' } }, () => 1)
  const sent = chat.send('Do it', {})
  await vi.waitFor(() => expect(chat.conversation.exchanges[0]!.rounds[0]?.calls[0]?.preview).toBeDefined())
  chat.stop()
  await sent
  await chat.send('And now?', {})
  expect(unanswered(asked[1].messages)).toEqual([])
  expect(JSON.stringify(asked[1].messages)).toContain('"tool_use_id":"toolu_1"')
})

test('a call of a tool that is not there is answered as an error and the loop goes on', async () => {
  const { chat, asked } = chatWith(asks, answers)
  await chat.send('Do it', {})
  expect(asked[1].messages.at(-1).content[0]).toMatchObject({ tool_use_id: 'toolu_1', is_error: true })
  expect(chat.conversation.exchanges[0]!.state).toBe('complete')
})

test('a call that does not fit into max_tokens is no fault and leaves nothing to answer', async () => {
  const half = events(
    { type: 'content_block_start', index: 0, content_block: call },
    { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"a": ' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'max_tokens' } },
    { type: 'message_stop' },
  )
  const { chat } = chatWith(half)
  await chat.send('Do it', {})
  expect(chat.conversation.exchanges[0]).toMatchObject({ state: 'complete', mishap: undefined })
  expect(unanswered(toMessages(chat.conversation.exchanges))).toEqual([])
})

test('what was booked of a broken answer is looked up with its tokens', async () => {
  const { chat } = chatWith(events({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'Half' } }))
  await chat.send('Do it', {})
  expect(chat.conversation.exchanges[0]!.mishap?.code).toBe('cut')
  await vi.waitFor(() => expect(chat.conversation.exchanges[0]!.rounds[0]!.receipt).toMatchObject({ price_usd: '0.001', usage: { cache_read_tokens: 7 } }))
})

test('two messages at once go one after the other', async () => {
  const { chat, asked } = chatWith(answers, answers)
  await Promise.all([chat.send('One', {}), chat.send('Two', {})])
  expect(asked.map((request) => request.messages.length)).toEqual([1, 3])
})

const says = (text: string) => ({ type: 'content_block_start', index: 0, content_block: { type: 'text', text } })
const ends = (stop_reason: string) => [{ type: 'message_delta', delta: { stop_reason } }, { type: 'message_stop' }]

test('what Claude declined is not told again, and the conversation goes on', async () => {
  const { chat, asked } = chatWith(events(says('I cannot'), ...ends('refusal')), answers)
  await chat.send('Something bad', {})
  await chat.send('Something good', {})
  expect(chat.conversation.exchanges.map((one) => one.state)).toEqual(['complete', 'complete'])
  expect(JSON.stringify(asked[1].messages)).not.toMatch(/bad|cannot/)
})

test('a turn that Claude paused is taken up with all that it held', async () => {
  const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }
  const paused = events(
    { type: 'content_block_start', index: 0, content_block: search },
    { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"query": "kerning"}' } },
    { type: 'content_block_stop', index: 0 },
    ...ends('pause_turn'),
  )
  const { chat, asked } = chatWith(paused, answers)
  await chat.send('Search', {})
  expect(asked[1].messages.at(-1)).toMatchObject({ role: 'assistant', content: [{ ...search, input: { query: 'kerning' } }] })
  expect(chat.conversation.exchanges[0]!.rounds).toHaveLength(2)
})

test('blocks of kinds that are not known go back as they came, and halves of them do not', async () => {
  const odd = { type: 'hologram', data: [1] }
  const whole = events(says('See'), { type: 'content_block_start', index: 1, content_block: odd }, { type: 'content_block_stop', index: 1 }, ...ends('end_turn'))
  const half = events(says('See'), { type: 'content_block_start', index: 1, content_block: odd })
  const { chat, asked } = chatWith(whole, half, answers)
  for (const text of ['One', 'Two', 'Three']) await chat.send(text, {})
  const said = asked[2].messages.filter((message: any) => message.role === 'assistant')
  expect(said.map((message: any) => message.content.map((block: any) => block.type))).toEqual([['text', 'hologram'], ['text']])
})

test('Stop ends a preview that never comes', async () => {
  const { chat, tools } = chatWith(asks)
  tools.register({ name: 'look', description: '', input_schema: { type: 'object' }, preview: () => new Promise(() => {}) }, () => 1)
  const sent = chat.send('Do it', {})
  await vi.waitFor(() => expect(chat.conversation.exchanges[0]!.rounds[0]?.calls).toHaveLength(1))
  chat.stop()
  await sent
  expect(chat.conversation.exchanges[0]!.state).toBe('stopped')
})

test('a clock that is set back makes no conversation older than it was', async () => {
  const { chat } = chatWith(answers)
  const ahead = (chat.conversation.updated = Date.now() + 86_400_000)
  await chat.send('Hello', {})
  expect(chat.conversation.updated).toBeGreaterThan(ahead)
})
