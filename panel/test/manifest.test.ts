// @vitest-environment node

import { readFileSync, readdirSync } from 'node:fs'

import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const manifest = JSON.parse(read('custom-elements.json')).modules[0].declarations[0]
const api = read('src/api.ts')
const sources = readdirSync(new URL('../src', import.meta.url)).map((name) => read(`src/${name}`)).join('\n')
const docs = read('../docs/panel.md')

const found = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]!))].sort()
const names = (entries: { name: string }[]) => entries.map((entry) => entry.name).sort()

test('the manifest, the types, the source and the docs name the same things', () => {
  const element = api.slice(api.indexOf('interface AssistantPanelElement'), api.indexOf('addEventListener<K'))
  expect(names(manifest.members)).toEqual(found(element, /^  (\w+)\??[:(]/gm))
  const events = api.slice(api.indexOf('interface AssistantPanelEventMap'), api.indexOf('interface AssistantPanelElement'))
  expect(names(manifest.events)).toEqual(found(events, /^  '?([\w-]+)'?: Custom/gm))
  expect(names(manifest.cssProperties)).toEqual(found(read('src/panel.css'), /var\((--assistant-[\w-]+)/g))
  expect(names(manifest.cssParts)).toEqual(found(sources, / part="([\w-]+)"/g))
})

test('everything public is in the docs', () => {
  const { members, attributes, events, slots, cssProperties, cssParts } = manifest
  for (const { name } of [...members, ...attributes, ...events, ...slots, ...cssProperties, ...cssParts])
    expect(docs, name).toMatch(new RegExp(`\`[^\`]*${name}\\b`))
})

test('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*registry/)
})
