// Kerning on top of a font's own: it can be changed, changed back, and saved.

/** Fires `change`. A pair is a text of two characters. */
export class Kerning extends EventTarget {
  changed = new Map()
  history = []

  constructor(font) {
    super()
    this.font = font
  }

  before(pair) {
    return this.font.pairs.get(pair) ?? 0
  }

  value(pair) {
    return this.changed.get(pair) ?? this.before(pair)
  }

  has(pair) {
    const characters = [...pair]
    return characters.length === 2 && characters.every((character) => this.font.characters.includes(character))
  }

  set(pair, value) {
    if (!this.has(pair)) throw new Error(`The font has no pair ${pair}.`)
    if (!Number.isInteger(value) || Math.abs(value) > 1000) throw new Error('A kerning value is a whole number from -1000 to 1000.')
    if (value === this.value(pair)) return
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
    const all = [...new Set([...this.changed.keys(), ...this.font.pairs.keys()])]
    const rank = (pair) => [this.changed.has(pair) ? 0 : 1, -Math.abs(this.value(pair))]
    return all.sort((one, two) => rank(one)[0] - rank(two)[0] || rank(one)[1] - rank(two)[1])
  }

  /** What was changed, as an OpenType feature file. */
  feature() {
    const rows = [...this.changed].map(([pair, value]) => `  pos ${[...pair].map((one) => this.font.glyphName(one)).join(' ')} ${value};`)
    return `# Changes to ${this.font.name}\nfeature kern {\n${rows.join('\n')}\n} kern;\n`
  }
}
