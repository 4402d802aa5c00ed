// What the editor lets the assistant see and do. Everything of it goes through the panel's public API.

const narrow = matchMedia('(max-width: 820px)')

export async function connectAssistant(panel, editor) {
  await customElements.whenDefined('assistant-panel')

  // Beside the editor where there is room; on a phone it waits behind a button.
  const place = () => {
    panel.mode = narrow.matches ? 'dock' : 'inline'
    panel.closed = narrow.matches
  }
  narrow.addEventListener('change', place)
  place()

  const tellContext = () => panel.setContext({ font: editor.font.name, glyph: editor.character, pair: editor.pair, text: editor.text })
  editor.addEventListener('change', tellContext)
  tellContext()

  panel.registerTool(
    {
      name: 'read_selected_glyph',
      description: 'Reads the glyph that is selected in the editor: name, metrics, side bearings, bounds, contours.',
      input_schema: { type: 'object', properties: {} },
      access: 'read',
    },
    () => editor.font.glyph(editor.character),
  )

  panel.registerTool(
    {
      name: 'list_kerning_pairs',
      description: 'Lists kerning pairs of the open font with their values in font units, the strongest first.',
      input_schema: {
        type: 'object',
        properties: {
          left: { type: 'string', maxLength: 1, description: 'only pairs that begin with this character' },
          right: { type: 'string', maxLength: 1, description: 'only pairs that end with it' },
        },
      },
      access: 'read',
    },
    ({ left, right }) => {
      const wanted = (pair) => (!left || pair[0] === left) && (!right || pair[1] === right)
      const pairs = editor.kerning.pairs().filter(wanted)
      // A pair that was asked for by name is told even when it is not kerned.
      if (left && right && !pairs.length) pairs.push(left + right)
      const rows = pairs.slice(0, 200).map((pair) => ({ left: pair[0], right: pair[1], value: editor.kerning.value(pair) }))
      return { units_per_em: editor.font.unitsPerEm, count: pairs.length, pairs: rows }
    },
  )

  panel.registerTool(
    {
      name: 'set_kerning',
      description: 'Sets the kerning of one pair, in font units: less is tighter. Replaces the value that it had.',
      input_schema: {
        type: 'object',
        properties: {
          left: { type: 'string', maxLength: 1 },
          right: { type: 'string', maxLength: 1 },
          value: { type: 'integer', minimum: -1000, maximum: 1000 },
        },
        required: ['left', 'right', 'value'],
      },
      access: 'write',
      preview: ({ left, right, value }) => `${left}${right}: ${editor.kerning.value(left + right)} → ${value}`,
    },
    ({ left, right, value }) => {
      // Held here: another font may be open when this is undone.
      const { kerning } = editor
      const pair = left + right
      const before = kerning.value(pair)
      kerning.set(pair, value)
      editor.choosePair(pair)
      return { result: { left, right, before, value }, undo: () => kerning.set(pair, before) }
    },
  )

  panel.registerTool(
    {
      name: 'undo_last_change',
      description: 'Undoes the last change of kerning in the editor, whoever made it.',
      input_schema: { type: 'object', properties: {} },
      access: 'write',
      preview: () => {
        const [pair, value] = editor.kerning.last ?? []
        return pair ? `${pair}: ${editor.kerning.value(pair)} → ${value}` : 'There is nothing to undo.'
      },
    },
    () => {
      const pair = editor.kerning.undo()
      return pair ? { pair, value: editor.kerning.value(pair) } : 'There was nothing to undo.'
    },
  )
}
