// An opened font: its outlines by opentype.js, and its kerning, which can be changed and changed back.

import { parse } from '/opentype.js'

const shown = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;!?'-–“”‘’()&"]

export class OpenFont {
  constructor(bytes) {
    this.font = parse(bytes)
    this.characters = shown.filter((character) => this.font.charToGlyphIndex(character) > 0)
    this.lookups = this.kerningLookups()
  }

  get name() {
    const { fontFamily, fontSubfamily } = this.font.names.windows ?? this.font.names.macintosh ?? this.font.names
    return [fontFamily?.en, fontSubfamily?.en].filter(Boolean).join(' ') || 'Unnamed'
  }

  get unitsPerEm() {
    return this.font.unitsPerEm
  }

  get lines() {
    const { os2 = {} } = this.font.tables
    return { ascender: this.font.ascender, cap: os2.sCapHeight, x: os2.sxHeight, base: 0, descender: this.font.descender }
  }

  glyph(character) {
    const glyph = this.font.charToGlyph(character)
    const { xMin, xMax, yMin, yMax, leftSideBearing, rightSideBearing } = glyph.getMetrics()
    return {
      name: glyph.name,
      character,
      unicode: `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
      advance: glyph.advanceWidth,
      left_side_bearing: Math.round(leftSideBearing),
      right_side_bearing: Math.round(rightSideBearing),
      bounds: [xMin, yMin, xMax, yMax].map(Math.round),
      contours: glyph.path.commands.filter(({ type }) => type === 'M').length,
    }
  }

  /** An SVG path in pixels, its baseline at y = 0. (The library's own text of a path turns 1e-7 into NaN.) */
  outline(character, size) {
    const { commands } = this.font.charToGlyph(character).getPath(0, 0, size)
    return commands.map(({ type, x1, y1, x2, y2, x, y }) => type + [x1, y1, x2, y2, x, y].filter(Number.isFinite).map((one) => one.toFixed(2)).join(' ')).join('')
  }

  advance(character) {
    return this.font.charToGlyph(character).advanceWidth
  }

  /** Of the font as it was opened, in its units. */
  kerning(left, right) {
    const [first, second] = [left, right].map((character) => this.font.charToGlyphIndex(character))
    if (this.lookups.length) return this.font.position.getKerningValue(this.lookups, first, second)
    return this.font.kerningPairs[`${first},${second}`] ?? 0
  }

  kerningLookups() {
    const found = (script) => this.font.position.getKerningTables(script) ?? []
    const lookups = ['latn', 'DFLT'].map(found).find((some) => some.length) ?? []
    return lookups.filter(({ subtables }) => subtables.every((one) => one.posFormat))
  }
}

/** Kerning on top of a font's own. Fires `change`. */
export class Kerning extends EventTarget {
  changed = new Map()
  history = []

  constructor(font) {
    super()
    this.font = font
    this.own = new Map()
    for (const left of font.characters)
      for (const right of font.characters) {
        const value = font.kerning(left, right)
        if (value) this.own.set(left + right, value)
      }
  }

  before(pair) {
    return this.own.get(pair) ?? 0
  }

  value(pair) {
    return this.changed.get(pair) ?? this.before(pair)
  }

  set(pair, value) {
    const [left, right] = [...pair]
    if ([left, right].some((character) => !this.font.characters.includes(character))) throw new Error(`The font has no pair ${pair}.`)
    if (!Number.isInteger(value) || Math.abs(value) > 1000) throw new Error('A kerning value is a whole number from -1000 to 1000.')
    this.history.push([pair, this.value(pair)])
    this.put(pair, value)
  }

  /** The pair that was changed back, or undefined when there is nothing to undo. */
  undo() {
    const [pair, value] = this.history.pop() ?? []
    if (pair) this.put(pair, value)
    return pair
  }

  get last() {
    return this.history.at(-1)
  }

  put(pair, value) {
    if (value === this.before(pair)) this.changed.delete(pair)
    else this.changed.set(pair, value)
    this.dispatchEvent(new Event('change'))
  }

  /** Every pair that is not zero, changed ones first, then the strongest. */
  pairs() {
    const all = [...new Set([...this.changed.keys(), ...this.own.keys()])]
    const rank = (pair) => [this.changed.has(pair) ? 0 : 1, this.value(pair)]
    return all.sort((one, two) => rank(one)[0] - rank(two)[0] || rank(one)[1] - rank(two)[1])
  }

  /** What was changed, as an OpenType feature file. */
  feature() {
    const name = (character) => this.font.font.charToGlyph(character).name
    const rows = [...this.changed].map(([pair, value]) => `  pos ${[...pair].map(name).join(' ')} ${value};`)
    return `# Changes to ${this.font.name}\nfeature kern {\n${rows.join('\n')}\n} kern;\n`
  }
}
