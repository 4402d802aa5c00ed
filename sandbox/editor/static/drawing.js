// Draws outlines into SVG. Knows nothing of editing.

import { refill } from '/stops.js'

const svg = 'http://www.w3.org/2000/svg'

export function node(tag, attributes = {}, ...children) {
  const made = document.createElementNS(svg, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** A line of text with its kerning; every gap is a button that `choose` is told of. */
export function drawLine(box, font, kerning, text, chosen, choose) {
  const size = 96
  const scale = size / font.unitsPerEm
  let x = 4
  const letters = []
  const gaps = []
  const characters = [...text].filter((character) => character === ' ' || font.characters.includes(character))
  characters.forEach((character, at) => {
    letters.push(node('path', { d: font.outline(character, size), transform: `translate(${x} 100)` }))
    x += font.advance(character) * scale
    const pair = character + (characters[at + 1] ?? '')
    if (pair.length < 2) return
    x += kerning.value(pair) * scale
    if (!pair.includes(' ')) gaps.push(gap(pair, x, kerning.value(pair), pair === chosen, choose))
  })
  const width = Math.max(x + 4, 200)
  box.setAttribute('viewBox', `0 0 ${width} 150`)
  // A long line may shrink a little to fit; then it is scrolled, so that it can be read and hit on a phone.
  box.style.minInlineSize = `${width * 0.8}px`
  refill(box, ...letters, ...gaps)
}

function gap(pair, x, value, isChosen, choose) {
  const label = node('text', { x, y: 144, 'text-anchor': 'middle' }, value ? String(value) : '·')
  const bar = node('line', { x1: x, x2: x, y1: 16, y2: 126 })
  const target = node('rect', { x: x - 12, y: 8, width: 24, height: 142 })
  const button = node('g', { role: 'button', class: isChosen ? 'gap chosen' : 'gap' }, target, bar, label)
  button.setAttribute('aria-label', `Pair ${pair}, ${value}`)
  button.setAttribute('aria-pressed', isChosen)
  button.addEventListener('click', () => choose(pair))
  button.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    choose(pair)
  })
  return button
}

/** One glyph, large, between the lines that matter. */
export function drawGlyph(box, font, character) {
  const size = 200
  const scale = size / font.unitsPerEm
  const width = font.advance(character) * scale
  const left = 60
  const rule = (x1, y1, x2, y2, kind) => node('line', { x1, y1, x2, y2, class: kind })
  const lines = Object.entries(font.lines)
    .filter(([, height]) => height !== undefined)
    .flatMap(([name, height]) => {
      const y = 210 - height * scale
      return [rule(0, y, left * 2 + width, y, 'metric'), node('text', { x: 2, y: y - 3 }, name)]
    })
  box.setAttribute('viewBox', `0 0 ${left * 2 + width} 310`)
  box.replaceChildren(
    ...lines,
    rule(left, 10, left, 300, 'bearing'),
    rule(left + width, 10, left + width, 300, 'bearing'),
    node('path', { d: font.outline(character, size), transform: `translate(${left} 210)` }),
  )
}

/** A glyph as small as a button; one without an outline is an empty box as wide as its advance. */
export function drawButton(font, character) {
  const size = 26
  const width = (font.advance(character) * size) / font.unitsPerEm
  const outline = font.outline(character, size)
  const ink = outline ? node('path', { d: outline }) : node('rect', { y: -18, width: Math.max(width, 1), height: 18, class: 'blank' })
  return node('svg', { viewBox: `${(width - 40) / 2} -30 40 42`, 'aria-hidden': 'true' }, ink)
}
