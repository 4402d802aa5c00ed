import { expect, test } from 'vitest'

import { MarkdownView } from '../src/markdown'

function shown(text: string): HTMLElement {
  const node = document.createElement('div')
  new MarkdownView(node).show(text, true)
  return node
}

const attacks = [
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt&#58;alert(1))',
  '[x](data:text/html,<script>alert(1)</script>)',
  '![x](https://evil.example/pixel.png)',
  '<svg><style><img src=x onerror=alert(1)></style></svg>',
  '<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<a href="https://x" style="position:fixed" onclick="alert(1)">x</a>',
  '| a |\n|---|\n| ![x](//evil.example/p.png) |',
]

test.each(attacks)('nothing loads and nothing runs from %s', (attack) => {
  const node = shown(attack)
  expect(node.querySelector('img, script, svg, math, iframe, form, style, object, video, audio, input')).toBeNull()
  for (const element of node.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      expect(name).not.toMatch(/^on|^style$|^src/)
      if (name === 'href') expect(value).toMatch(/^(https?:|mailto:|#)/)
    }
  }
})

test('raw HTML is shown as it was written', () => {
  expect(shown('Use <b>bold</b> here').textContent).toBe('Use <b>bold</b> here')
})

test('an image becomes a link to it', () => {
  const link = shown('![a chart](https://example.org/c.png)').querySelector('a')!
  expect(link.textContent).toBe('a chart')
  expect(link.rel).toContain('noreferrer')
})

test('tables, lists, tasks and code keep their meaning', () => {
  const node = shown('| a |\n|---|\n| **1** |\n\n3. x\n4. y\n\n- [x] done\n\n```js\nlet a = "<b>"\n```\n')
  expect(node.querySelector('td strong')!.textContent).toBe('1')
  expect(node.querySelector('ol')!.getAttribute('start')).toBe('3')
  expect(node.textContent).toContain('☑ done')
  expect(node.querySelector('pre code')!.textContent).toBe('let a = "<b>"')
})

test('a streamed answer ends up as the same answer shown at once', () => {
  const text =
    'First *one*.\n\n- a\n- b\n\n  still b\n\nTitle\n===\n\n```py\nx = 1\n\ny = 2\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\r\n> text\n\nEnd.'
  const node = document.createElement('div')
  const view = new MarkdownView(node)
  for (let end = 1; end <= text.length; end += 1) view.show(text.slice(0, end), false)
  view.show(text, true)
  expect(node.innerHTML).toBe(shown(text).innerHTML)
})

test('a growing code block keeps its element, so that a selection in it survives', () => {
  const node = document.createElement('div')
  const view = new MarkdownView(node)
  view.show('```js\nlet a', false)
  const before = node.querySelector('pre')
  view.show('```js\nlet a = 1\nlet b', false)
  expect(node.querySelector('pre')).toBe(before)
  expect(before!.textContent).toBe('let a = 1\nlet b')
})
