import { expect, test } from 'vitest'

import { Chips, contextBytesMax } from '../src/context'
import type { ToolCall } from '../src/conversation'
import { Toolbox, bounded, resultBytesMax } from '../src/tools'

const schema = { type: 'object', required: ['left'] } as const
const signal = new AbortController().signal

function call(input: unknown = { left: 'A' }): ToolCall {
  return { id: 't1', name: 'set', input, state: 'asking' }
}

test('a tool without a declared access asks first', () => {
  const tools = new Toolbox()
  tools.register({ name: 'set', description: '', input_schema: schema }, () => 1)
  expect(tools.mustAsk(call())).toBe(true)
  tools.register({ name: 'set', description: '', input_schema: schema, access: 'read' }, () => 1)
  expect(tools.mustAsk(call())).toBe(false)
})

test('an unknown tool and a missing member are refused in words', () => {
  const tools = new Toolbox()
  expect(tools.refusal(call())).toContain('no tool "set"')
  tools.register({ name: 'set', description: '', input_schema: schema }, () => 1)
  expect(tools.refusal(call({}))).toContain('left')
  expect(tools.refusal(call())).toBeUndefined()
})

test('a tool that throws gives Claude the reason', async () => {
  const tools = new Toolbox()
  tools.register({ name: 'set', description: '', input_schema: schema }, () => {
    throw new Error('no such pair')
  })
  const failing = call()
  await tools.run(failing, signal)
  expect(failing).toMatchObject({ state: 'failed', result: 'no such pair' })
})

test('a stopped answer does not wait for a tool that never returns', async () => {
  const tools = new Toolbox()
  const control = new AbortController()
  tools.register({ name: 'set', description: '', input_schema: schema }, () => new Promise(() => {}))
  const stuck = call()
  const running = tools.run(stuck, control.signal)
  control.abort()
  await running
  expect(stuck.state).toBe('failed')
})

test('a write can be undone once', async () => {
  const tools = new Toolbox()
  let value = 0
  tools.register({ name: 'set', description: '', input_schema: schema }, () => {
    value = 5
    return { result: 'ok', undo: () => (value = 0) }
  })
  const write = call()
  await tools.run(write, signal)
  expect([value, tools.canUndo(write)]).toEqual([5, true])
  await tools.undo(write)
  expect([value, tools.canUndo(write), write.state]).toEqual([0, false, 'undone'])
})

test('the order of registration does not change what is cached', () => {
  const names = (order: string[]) => {
    const tools = new Toolbox()
    for (const name of order) tools.register({ name, description: '', input_schema: schema }, () => 1)
    return tools.definitions().map((tool) => tool.name)
  }
  expect(names(['b', 'a'])).toEqual(names(['a', 'b']))
})

test('results are bounded in bytes and never cut a character in two', () => {
  const text = bounded('é'.repeat(resultBytesMax))
  expect(new TextEncoder().encode(text).length).toBeLessThan(resultBytesMax + 100)
  expect(text).not.toContain('\uFFFD')
})

test('a removed chip stays away until its value changes', () => {
  const chips = new Chips()
  chips.set({ glyph: 'A', axes: { wght: 400 } })
  chips.remove('glyph')
  chips.set({ glyph: 'A' })
  expect(chips.shown).toEqual([])
  chips.set({ glyph: 'B' })
  expect(chips.record()).toEqual({ glyph: 'B' })
})

test('a huge context is shortened', () => {
  const chips = new Chips()
  chips.set({ outline: 'é'.repeat(100_000), rest: 'x'.repeat(100_000), more: 'y'.repeat(100_000) })
  expect(new TextEncoder().encode(JSON.stringify(chips.record())).length).toBeLessThan(contextBytesMax + 200)
})

test.each([
  [undefined, 'The tool failed and gave no reason.'],
  [new Error(''), 'The tool failed and gave no reason.'],
  [Object.create(null), 'The tool failed and gave no reason.'],
  ['plain words', 'plain words'],
])('whatever a tool throws is told in words (%#)', async (thrown, told) => {
  const tools = new Toolbox()
  tools.register({ name: 'set', description: '', input_schema: schema }, () => {
    throw thrown
  })
  const failing = call()
  await tools.run(failing, signal)
  expect(failing).toMatchObject({ state: 'failed', result: told })
})

test('a circle is a failure, nothing at all is done, and a megabyte is cut', async () => {
  const tools = new Toolbox()
  const circle: { self?: object } = {}
  circle.self = circle
  const results = []
  for (const given of [circle, undefined, 'x'.repeat(1_000_000)]) {
    tools.register({ name: 'set', description: '', input_schema: schema }, () => given)
    const one = call()
    await tools.run(one, signal)
    results.push([one.state, one.result!.slice(0, 20), one.result!.length < resultBytesMax + 100])
  }
  expect(results).toEqual([['failed', 'Converting circular ', true], ['done', 'Done.', true], ['done', 'x'.repeat(20), true]])
})

test('a tool that the page takes away while the person is asked is missed in words', async () => {
  const tools = new Toolbox()
  tools.register({ name: 'set', description: '', input_schema: schema }, () => 1)()
  const missed = call()
  await tools.run(missed, signal)
  expect(missed).toMatchObject({ state: 'failed', result: 'There is no tool "set" on this page.' })
})
