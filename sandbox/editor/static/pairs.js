// Kerning as the font's tables have it: GPOS pair positioning as shapers apply it, else the older `kern` table.
// https://learn.microsoft.com/typography/opentype/spec/gpos#lookup-type-2-subtable-pair-adjustment-positioning
// Kerning that depends on more than two glyphs is of no pair, and is left out.

const PAIRS = 2
const EXTENSION = 9
const X_ADVANCE = 4

/** A function from two glyph indices to the font's kerning between them, in its units. */
export function pairKerning(tables) {
  const position = tables.has('GPOS') ? kernLookups(viewOf(tables.get('GPOS'))) : []
  if (position.length) return (left, right) => position.reduce((sum, lookup) => sum + lookup(left, right), 0)
  const older = tables.has('kern') ? olderPairs(viewOf(tables.get('kern'))) : new Map()
  return (left, right) => older.get(key(left, right)) ?? 0
}

function viewOf(table) {
  return new DataView(table.buffer, table.byteOffset, table.byteLength)
}

/** The lookups of `kern` for Latin text of no language in particular, in their order. */
function kernLookups(view) {
  const [scripts, features, lookups] = [4, 6, 8].map((at) => view.getUint16(at))
  const known = tagged(view, scripts)
  const script = known.find(({ tag }) => tag === 'latn') ?? known.find(({ tag }) => tag === 'DFLT')
  const language = script && view.getUint16(script.at)
  if (!language) return []
  const all = tagged(view, features)
  const kern = numbers(view, script.at + language + 4).map((index) => all[index]).filter((one) => one?.tag === 'kern')
  const indices = new Set(kern.flatMap(({ at }) => numbers(view, at + 2)))
  return [...indices].sort((one, two) => one - two).flatMap((index) => pairLookup(view, lookups + view.getUint16(lookups + 2 + 2 * index)))
}

/** The first subtable that knows the pair decides. */
function pairLookup(view, at) {
  const type = view.getUint16(at)
  const subtables = numbers(view, at + 4)
    .map((offset) => (type === EXTENSION ? extended(view, at + offset) : { type, at: at + offset }))
    .filter((one) => one.type === PAIRS)
    .map((one) => pairSubtable(view, one.at))
  if (!subtables.length) return []
  return [(left, right) => subtables.reduce((found, subtable) => found ?? subtable(left, right), undefined) ?? 0]
}

function extended(view, at) {
  return { type: view.getUint16(at + 2), at: at + view.getUint32(at + 4) }
}

function pairSubtable(view, at) {
  const [format, coverage, first, second] = [0, 2, 4, 6].map((field) => view.getUint16(at + field))
  const covered = coverageAt(view, at + coverage)
  const size = 2 * (bits(first) + bits(second))
  const advance = (place) => (first & X_ADVANCE ? view.getInt16(place + 2 * bits(first & (X_ADVANCE - 1))) : 0)
  const inside = format === 1 ? byGlyph(view, at, size, advance) : byClass(view, at, size, advance)
  return (left, right) => {
    const index = covered.get(left)
    return index === undefined ? undefined : inside(index, left, right)
  }
}

function byGlyph(view, at, size, advance) {
  const sets = numbers(view, at + 8).map((offset) => at + offset)
  return (index, _, right) => {
    const count = view.getUint16(sets[index])
    for (let row = sets[index] + 2; row < sets[index] + 2 + count * (2 + size); row += 2 + size)
      if (view.getUint16(row) === right) return advance(row + 2)
    return undefined
  }
}

function byClass(view, at, size, advance) {
  const [lefts, rights] = [8, 10].map((field) => classesAt(view, at + view.getUint16(at + field)))
  const [rows, columns] = [12, 14].map((field) => view.getUint16(at + field))
  return (_, left, right) => {
    const [row, column] = [lefts.get(left) ?? 0, rights.get(right) ?? 0]
    return row < rows && column < columns ? advance(at + 16 + (row * columns + column) * size) : undefined
  }
}

function coverageAt(view, at) {
  if (view.getUint16(at) === 1) return new Map(numbers(view, at + 2).map((glyph, index) => [glyph, index]))
  return new Map(ranges(view, at + 2).flatMap(([from, to, start]) => span(from, to).map((glyph) => [glyph, start + glyph - from])))
}

function classesAt(view, at) {
  if (view.getUint16(at) === 1) return new Map(numbers(view, at + 4).map((kind, index) => [view.getUint16(at + 2) + index, kind]))
  return new Map(ranges(view, at + 2).flatMap(([from, to, kind]) => span(from, to).map((glyph) => [glyph, kind])))
}

/** Format 0 of Microsoft's and of Apple's `kern`: the sum of all that is horizontal and plain. */
function olderPairs(view) {
  const apple = view.getUint16(0) === 1
  const pairs = new Map()
  let at = apple ? 8 : 4
  for (let left = apple ? view.getUint32(4) : view.getUint16(2); left > 0; left -= 1) {
    const length = apple ? view.getUint32(at) : view.getUint16(at + 2)
    const coverage = view.getUint16(at + 4)
    const plain = apple ? (coverage & 0xe0ff) === 0 : (coverage & 0xff07) === 1
    if (plain) addPairs(view, at + (apple ? 8 : 6), pairs)
    at += length || view.byteLength
  }
  return pairs
}

function addPairs(view, at, pairs) {
  for (let row = at + 8; row < at + 8 + 6 * view.getUint16(at); row += 6) {
    const pair = key(view.getUint16(row), view.getUint16(row + 2))
    pairs.set(pair, (pairs.get(pair) ?? 0) + view.getInt16(row + 4))
  }
}

function key(left, right) {
  return left * 65536 + right
}

function tagged(view, at) {
  return Array.from({ length: view.getUint16(at) }, (_, index) => {
    const row = at + 2 + 6 * index
    const tag = String.fromCharCode(...[0, 1, 2, 3].map((letter) => view.getUint8(row + letter)))
    return { tag, at: at + view.getUint16(row + 4) }
  })
}

function numbers(view, at) {
  return Array.from({ length: view.getUint16(at) }, (_, index) => view.getUint16(at + 2 + 2 * index))
}

function ranges(view, at) {
  return Array.from({ length: view.getUint16(at) }, (_, index) => [0, 2, 4].map((field) => view.getUint16(at + 2 + 6 * index + field)))
}

function span(from, to) {
  return Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => from + index)
}

function bits(format) {
  return format.toString(2).replaceAll('0', '').length
}
