// An opened font: its outlines by opentype.js, its kerning as its tables have it.

import { parse } from '/opentype.js'
import { pairKerning } from '/pairs.js'
import { joinTables, readTables, Refused } from '/sfnt.js'

const shown = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;!?'-–“”‘’()&"]
// Their letters join or run from right to left, which takes a shaper: this editor sets one glyph after the other.
const unset = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u
// The library reads no other table: a fault in one that is not drawn shall not keep a font from being opened.
const drawn = ['head', 'hhea', 'hmtx', 'maxp', 'name', 'cmap', 'OS/2', 'post', 'glyf', 'loca', 'CFF ', 'CFF2']
const bytesMax = 64 * 1024 * 1024

/** The font in a file (a Blob). What is wrong with a file is told by a Refused. */
export async function openFont(file) {
  if (file.size > bytesMax) throw new Refused('This file is larger than 64 MB, which is more than this editor opens.')
  try {
    return new OpenFont(await readTables(await file.arrayBuffer()))
  } catch (problem) {
    if (problem instanceof Refused) throw problem
    console.info(problem)
    throw new Refused('This font is damaged, or made in a way that this editor does not know. The one before stays open.')
  }
}

class OpenFont {
  constructor(tables) {
    const kept = new Map([['name', new Uint8Array(6)], ...[...tables].filter(([tag]) => drawn.includes(tag))])
    this.font = parse(joinTables(kept))
    this.isVariable = tables.has('fvar')
    this.characters = this.shownCharacters()
    if (!this.characters.length) throw new Refused('This font has no letters that this editor can set.')
    // Outlines are read when they are first asked for: a damaged one has to be found before the font counts as open.
    this.characters.forEach((character) => this.glyph(character))
    this.pairs = this.kernedPairs(pairKerning(tables))
  }

  /** Latin and what goes with it, else the first letters of whatever script it is. */
  shownCharacters() {
    const latin = shown.filter((character) => this.font.charToGlyphIndex(character) > 0)
    if (latin.some((character) => /\p{L}/u.test(character))) return latin
    const all = Object.keys(this.font.tables.cmap.glyphIndexMap).map((code) => String.fromCodePoint(code))
    return all.filter((character) => /\p{L}/u.test(character) && !unset.test(character)).slice(0, shown.length)
  }

  get name() {
    const { windows, macintosh } = this.font.names
    const { fontFamily, fontSubfamily } = windows ?? macintosh ?? this.font.names
    const said = (name) => name?.en ?? Object.values(name ?? {})[0]
    return [fontFamily, fontSubfamily].map(said).filter(Boolean).join(' ') || 'Unnamed'
  }

  get unitsPerEm() {
    return this.font.unitsPerEm
  }

  get lines() {
    const { os2 = {} } = this.font.tables
    return { ascender: this.font.ascender, cap: os2.sCapHeight || undefined, x: os2.sxHeight || undefined, base: 0, descender: this.font.descender }
  }

  glyph(character) {
    const glyph = this.font.charToGlyph(character)
    const { xMin, xMax, yMin, yMax, leftSideBearing, rightSideBearing } = glyph.getMetrics()
    return {
      name: this.glyphName(character),
      character,
      unicode: codePoint(character, 'U+'),
      advance: glyph.advanceWidth,
      left_side_bearing: Math.round(leftSideBearing),
      right_side_bearing: Math.round(rightSideBearing),
      bounds: [xMin, yMin, xMax, yMax].map(Math.round),
      contours: glyph.path.commands.filter(({ type }) => type === 'M').length,
    }
  }

  /** As tools name it that find no names in the font, where there are none. */
  glyphName(character) {
    return this.font.charToGlyph(character).name || (/^[A-Za-z]$/.test(character) ? character : codePoint(character, 'uni'))
  }

  /** An SVG path in pixels, its baseline at y = 0. (The library's own text of a path turns 1e-7 into NaN.) */
  outline(character, size) {
    const { commands } = this.font.charToGlyph(character).getPath(0, 0, size)
    return commands.map(({ type, x1, y1, x2, y2, x, y }) => type + [x1, y1, x2, y2, x, y].filter(Number.isFinite).map((one) => one.toFixed(2)).join(' ')).join('')
  }

  advance(character) {
    return this.font.charToGlyph(character).advanceWidth
  }

  /** From a pair of characters to its kerning as the font was opened, in its units; without those of zero. */
  kernedPairs(between) {
    const indices = this.characters.map((character) => [character, this.font.charToGlyphIndex(character)])
    const all = indices.flatMap(([left, first]) => indices.map(([right, second]) => [left + right, between(first, second)]))
    return new Map(all.filter(([, value]) => value))
  }
}

function codePoint(character, prefix) {
  return prefix + character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')
}
