// The editor: one open font, one selected glyph, one line of text, one chosen pair.

import { connectAssistant } from '/assistant.js'
import { drawButton, drawGlyph, drawLine } from '/drawing.js'
import { Kerning, OpenFont } from '/font.js'

const at = (id) => document.getElementById(id)
const metricNames = { name: 'Name', unicode: 'Unicode', advance: 'Advance', left_side_bearing: 'Left', right_side_bearing: 'Right', contours: 'Contours' }

class Editor extends EventTarget {
  text = 'AVATAR Type Wolf'
  character = 'A'
  pair = 'AV'

  open(bytes) {
    this.font = new OpenFont(bytes)
    this.kerning = new Kerning(this.font)
    this.kerning.addEventListener('change', () => this.changed())
    if (!this.font.characters.includes(this.character)) this.character = this.font.characters[0]
    at('glyphs').replaceChildren(...this.font.characters.map(glyphButton))
    this.changed()
  }

  chooseGlyph(character) {
    this.character = character
    this.changed()
  }

  choosePair(pair) {
    this.pair = pair
    if (!this.text.includes(pair)) this.text = `${pair} ${this.text}`.slice(0, 60)
    this.changed()
  }

  setText(text) {
    this.text = text
    this.changed()
  }

  changed() {
    draw()
    this.dispatchEvent(new Event('change'))
  }
}

const editor = new Editor()

function draw() {
  const { font, kerning, pair } = editor
  at('font-name').textContent = font.name
  drawLine(at('line'), font, kerning, editor.text, pair, (chosen) => editor.choosePair(chosen))
  drawGlyph(at('glyph'), font, editor.character)
  drawMetrics(font.glyph(editor.character))
  for (const button of at('glyphs').children) button.setAttribute('aria-pressed', button.value === editor.character)
  if (document.activeElement !== at('text')) at('text').value = editor.text
  if (document.activeElement !== at('pair')) at('pair').value = pair
  at('value').value = kerning.value(pair)
  at('pair-note').textContent = kerning.changed.has(pair) ? `was ${kerning.before(pair)}` : ''
  at('undo').disabled = !kerning.history.length
  at('save').disabled = !kerning.changed.size
  drawPairs()
}

function drawMetrics(glyph) {
  const rows = Object.entries(metricNames).map(([key, label]) => {
    const row = element('div')
    row.append(element('dt', label), element('dd', glyph[key] ?? '–'))
    return row
  })
  at('metrics').replaceChildren(...rows)
}

function drawPairs() {
  const { kerning } = editor
  const pairs = kerning.pairs()
  at('pair-count').textContent = pairs.length || 'none that can be read'
  const rows = pairs.slice(0, 120).map((pair) => {
    const choose = element('button', pair)
    choose.addEventListener('click', () => editor.choosePair(pair))
    const row = element('tr')
    const name = element('th')
    name.scope = 'row'
    name.append(choose)
    row.append(name, element('td', kerning.before(pair)), element('td', kerning.value(pair)))
    row.classList.toggle('changed', kerning.changed.has(pair))
    if (pair === editor.pair) row.setAttribute('aria-current', 'true')
    return row
  })
  at('pairs').replaceChildren(...rows)
}

function glyphButton(character) {
  const button = element('button')
  button.value = character
  button.setAttribute('aria-label', `Glyph ${character}`)
  button.append(drawButton(editor.font, character))
  button.addEventListener('click', () => editor.chooseGlyph(character))
  return button
}

function element(tag, text = '') {
  const made = document.createElement(tag)
  made.textContent = text
  return made
}

function attempt(act) {
  at('problem').textContent = ''
  try {
    act()
  } catch (problem) {
    at('problem').textContent = problem.message
    draw()
  }
}

at('text').addEventListener('input', ({ target }) => editor.setText(target.value))
at('pair').addEventListener('change', ({ target }) => {
  const known = [...target.value].length === 2 && [...target.value].every((one) => editor.font.characters.includes(one))
  if (known) editor.choosePair(target.value)
  else target.value = editor.pair
})
at('value').addEventListener('change', ({ target }) => attempt(() => editor.kerning.set(editor.pair, Number(target.value))))
at('undo').addEventListener('click', () => editor.kerning.undo())
at('save').addEventListener('click', () => {
  const link = element('a')
  link.href = URL.createObjectURL(new Blob([editor.kerning.feature()], { type: 'text/plain' }))
  link.download = 'kerning.fea'
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
})
at('file').addEventListener('change', async ({ target }) => {
  const bytes = await target.files[0]?.arrayBuffer()
  if (bytes) attempt(() => editor.open(bytes))
})

editor.open(await (await fetch('/Vollkorn-Regular.ttf')).arrayBuffer())
await connectAssistant(document.querySelector('assistant-panel'), editor)
