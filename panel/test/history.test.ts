import 'fake-indexeddb/auto'

import { expect, test } from 'vitest'

import { newConversation } from '../src/conversation'
import { History, drafts } from '../src/history'

test('conversations are listed for their own account alone, newest first', async () => {
  const history = new History()
  const [old, fresh, other] = [newConversation('ada'), newConversation('ada'), newConversation('bob')]
  await history.save({ ...old, updated: 1 })
  await history.save({ ...fresh, updated: 2 })
  await history.save(other)
  expect((await history.list('ada')).map((one) => one.id)).toEqual([fresh.id, old.id])
})

test('what is removed is gone', async () => {
  const history = new History()
  const one = newConversation('carol')
  await history.save(one)
  await history.remove(one.id)
  expect(await history.list('carol')).toEqual([])
})

test('what another tab has removed is not written again, and what was never kept is', async () => {
  const [here, there] = [new History(), new History()]
  const one = newConversation('dora')
  expect(await here.save(one)).toBe(true)
  await there.remove(one.id)
  expect(await here.save(one)).toBe(false)
  expect(await here.list('dora')).toEqual([])
  await here.remove(one.id)
  expect(await here.save(one)).toBe(true)
})

test('a draft belongs to an account', () => {
  drafts.write('ada', 'half a thought')
  expect(drafts.read('ada')).toBe('half a thought')
  expect(drafts.read('bob')).toBe('')
  drafts.write('ada', '')
  expect(drafts.read('ada')).toBe('')
})

test('storage that is cleared meanwhile takes nothing from the screen', async () => {
  const history = new History()
  const one = newConversation('erna')
  await history.save(one)
  const wiped = indexedDB.deleteDatabase('assistant-panel')
  await new Promise((resolve) => (wiped.onsuccess = resolve))
  expect(await history.save(one)).toBe(true)
  expect((await history.list('erna')).map(({ id }) => id)).toEqual([one.id])
})

test.each([0, 1, 2, 3, 4, 5])('storage that is cleared %i turns after a save began takes nothing either', async (turns) => {
  const history = new History()
  const one = newConversation(`fritz-${turns}`)
  await history.save(one)
  const saving = history.save(one)
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
  const wiped = indexedDB.deleteDatabase('assistant-panel')
  await new Promise((resolve) => (wiped.onsuccess = resolve))
  await saving
  expect(await history.save(one)).toBe(true)
  expect((await history.list(one.account)).map(({ id }) => id)).toEqual([one.id])
})
