// @vitest-environment node

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { afterEach, expect, test } from 'vitest'

import { textOf, type Round } from '../src/conversation'
import { Relay } from '../src/relay'
import { streamInto } from '../src/stream'

const events = [
  ['message_start', { type: 'message_start', message: {} }],
  ['content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }],
  ['content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße,\u2028 日本' } }],
  ['content_block_stop', { type: 'content_block_stop', index: 0 }],
  ['content_block_start', { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't', name: 'n', input: {} } }],
  ['content_block_delta', { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"a":' } }],
  ['content_block_delta', { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '[1]}' } }],
  ['content_block_stop', { type: 'content_block_stop', index: 1 }],
  ['message_delta', { type: 'message_delta', delta: { stop_reason: 'tool_use' } }],
  ['message_stop', { type: 'message_stop' }],
  ['receipt', { request_id: 'r', price_usd: '0.01' }],
] as const

let server: Server | undefined
afterEach(() => void server?.close())

/** A relay on loopback that answers with these chunks, whatever is asked. */
async function relayWith(chunks: Buffer[], status = 200): Promise<Relay> {
  server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'text/event-stream', 'request-id': 'r', 'access-control-allow-origin': '*' })
    for (const chunk of chunks) response.write(chunk)
    response.end()
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return new Relay(() => ({ api: `http://127.0.0.1:${port}`, isConnected: true }))
}

function wire(some: readonly (readonly [string, object])[] = events, end = '\n'): Buffer {
  return Buffer.from(some.map(([name, data]) => `event: ${name}${end}data: ${JSON.stringify(data)}${end}${end}`).join(''))
}

async function read(relay: Relay): Promise<{ round: Round; problem?: any }> {
  const round: Round = { content: [], calls: [] }
  const quiet = { started() {}, grew() {} }
  try {
    await streamInto(round, relay, {}, 'acct_1', new AbortController().signal, quiet)
    return { round }
  } catch (problem) {
    return { round, problem }
  }
}

test.each(['\n', '\r\n'])('a stream in one-byte chunks is read like any other (line end %j)', async (end) => {
  const bytes = wire(events, end)
  const { round, problem } = await read(await relayWith([...bytes].map((byte) => Buffer.from([byte]))))
  expect(problem).toBeUndefined()
  expect(textOf(round)).toBe('Grüße,\u2028 日本')
  expect(round.calls).toMatchObject([{ id: 't', name: 'n', input: { a: [1] } }])
  expect(round.receipt).toEqual({ request_id: 'r', price_usd: '0.01' })
})

test('a stream that ends early is a fault, and keeps its text but no half tool call', async () => {
  const { round, problem } = await read(await relayWith([wire(events.slice(0, 6))]))
  expect(problem.code).toBe('cut')
  expect(textOf(round)).toContain('Grüße')
  expect(round.content).toHaveLength(1)
  expect(round.calls).toEqual([])
})

test('an error event names what happened', async () => {
  const overloaded = ['error', { type: 'error', error: { type: 'overloaded_error', message: 'busy' } }] as const
  const { problem } = await read(await relayWith([wire([...events.slice(0, 3), overloaded])]))
  expect(problem.code).toBe('overloaded')
})

test('a garbled event does not end the answer', async () => {
  const bytes = Buffer.concat([Buffer.from('event: ping\ndata: {not json\n\n'), wire()])
  const { problem } = await read(await relayWith([bytes]))
  expect(problem).toBeUndefined()
})

test('a token that never comes does not hold whoever stops the question', async () => {
  const never = new Promise<string>(() => {})
  const relay = new Relay(() => ({ api: 'http://127.0.0.1:9', isConnected: true, getToken: () => never }))
  const control = new AbortController()
  const asked = relay.post('/', {}, { signal: control.signal })
  control.abort()
  await expect(asked).rejects.toHaveProperty('name', 'AbortError')
})

test.each([
  [402, { error: { type: 'cap_reached', message: '' } }, 'cap_reached'],
  [402, { error: { type: 'billing_error', code: 'insufficient_credit' } }, 'insufficient_credit'],
  [429, { error: { type: 'rate_limit_error' } }, 'rate_limited'],
  [529, { error: { type: 'overloaded_error' } }, 'overloaded'],
  [401, {}, 'signed_out'],
  [409, {}, 'another_account'],
  [500, {}, 'unavailable'],
])('status %i becomes %j', async (status, body, code) => {
  const { problem } = await read(await relayWith([Buffer.from(JSON.stringify(body))], status))
  expect(problem.code).toBe(code)
})
