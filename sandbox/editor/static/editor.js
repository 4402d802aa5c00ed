// The editor: one open font, one selected glyph, one line of text, one chosen pair.

import { connectAssistant } from '/assistant.js'
import { drawButton, drawGlyph, drawLine } from '/drawing.js'
import { openFont } from '/font.js'
import { Kerning } from '/kerning.js'
import { keepOneStop, refill, walkByArrows } from '/stops.js'

const rowsMax = 120
const at = (id) => document.getElementById(id)
const metricNames = { name: 'Name', unicode: 'Unicode', advance: 'Advance', left_side_bearing: 'Left', right_side_bearing: 'Right', contours: 'Contours' }

class Editor extends EventTarget {
  text = 'AVATAR Type Wolf'
  character = 'A'
  pair = 'AV'

  show(font) {
    this.font = font
    this.kerning = new Kerning(font)
    this.kerning.addEventListener('change', () => this.changed())
    if (!font.characters.includes(this.character)) this.character = font.characters[0]
    if (!this.kerning.has(this.pair)) this.pair = font.characters[0].repeat(2)
    at('glyphs').replaceChildren(...font.characters.map(glyphButton))
    if (!font.characters.some((one) => this.text.includes(one))) this.text = font.characters.slice(0, 12).join('')
    this.choosePair(this.pair)
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
  at('font-note').textContent = font.isVariable ? 'variable, as its default' : ''
  drawLine(at('line'), font, kerning, editor.text, pair, (chosen) => editor.choosePair(chosen))
  drawGlyph(at('glyph'), font, editor.character)
  drawMetrics(font.glyph(editor.character))
  for (const button of at('glyphs').children) button.setAttribute('aria-pressed', button.value === editor.character)
  keepOneStop(at('glyphs'))
  if (document.activeElement !== at('text')) at('text').value = editor.text
  if (document.activeElement !== at('pair')) at('pair').value = pair
  at('value').value = kerning.value(pair)
  at('pair-note').textContent = kerning.changed.has(pair) ? `${pair} was ${kerning.before(pair)}` : ''
  at('text-note').textContent = missing(editor.text)
  at('undo').disabled = !kerning.history.length
  at('save').disabled = !kerning.changed.size
  drawPairs()
}

function missing(text) {
  const unknown = [...new Set(text)].filter((one) => one !== ' ' && !editor.font.characters.includes(one))
  return unknown.length ? `Not shown: ${unknown.join(' ')}` : ''
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
  const pairs = editor.kerning.pairs()
  at('pair-count').textContent = pairs.length
  at('pairs-note').textContent = pairs.length ? (pairs.length > rowsMax ? `The ${rowsMax} strongest are shown.` : '') : 'This font has no kerning yet.'
  refill(at('pairs'), ...pairs.slice(0, rowsMax).map(pairRow))
}

function pairRow(pair) {
  const { kerning } = editor
  const choose = element('button', pair)
  choose.setAttribute('aria-pressed', pair === editor.pair)
  choose.addEventListener('click', () => editor.choosePair(pair))
  const name = element('th')
  name.scope = 'row'
  name.append(choose)
  const row = element('tr')
  row.append(name, element('td', kerning.before(pair)), element('td', kerning.value(pair)))
  row.classList.toggle('changed', kerning.changed.has(pair))
  row.classList.toggle('chosen', pair === editor.pair)
  return row
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

async function attempt(act) {
  at('problem').textContent = ''
  try {
    await act()
  } catch (problem) {
    at('problem').textContent = problem.message
    if (editor.font) draw()
  }
}

function open(file) {
  return attempt(async () => editor.show(await openFont(file)))
}

function setPair(pair) {
  if (!editor.kerning.has(pair)) throw new Error(pair ? `The font has no pair ${pair}.` : 'A pair is two characters.')
  editor.choosePair(pair)
}

function save() {
  const link = element('a')
  link.href = URL.createObjectURL(new Blob([editor.kerning.feature()], { type: 'text/plain' }))
  link.download = 'kerning.fea'
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** Where text is written, the browser's own undo is meant. */
function isUndo(event) {
  const within = event.composedPath()[0]
  return (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === 'z' && !within.matches?.('input, textarea')
}

at('text').addEventListener('input', ({ target }) => editor.setText(target.value))
at('pair').addEventListener('change', ({ target }) =>
  attempt(() => setPair(target.value)).then(() => (target.value = editor.pair)),
)
at('value').addEventListener('change', ({ target }) => attempt(() => editor.kerning.set(editor.pair, target.valueAsNumber)))
at('undo').addEventListener('click', () => editor.kerning.undo())
at('save').addEventListener('click', save)
at('file').addEventListener('change', async ({ target }) => {
  const [file] = target.files
  if (file) await open(file)
  target.value = ''
})
addEventListener('keydown', (event) => {
  if (!isUndo(event)) return
  event.preventDefault()
  editor.kerning.undo()
})
// Without this a font that is dropped is downloaded again, or takes the place of the page.
addEventListener('dragover', (event) => event.preventDefault())
addEventListener('drop', (event) => {
  const [file] = event.dataTransfer.files
  if (!file) return
  event.preventDefault()
  open(file)
})
for (const group of ['line', 'pairs', 'glyphs']) walkByArrows(at(group))

await open(await (await fetch('/Vollkorn-Regular.ttf')).blob())
await connectAssistant(document.querySelector('assistant-panel'), editor)
