// The containers that a font comes in. What leaves here is a map from a table's tag to its bytes.

const bare = ['\0\x01\0\0', 'OTTO', 'true', 'typ1']

/** A fault that can be told to the person as it stands. */
export class Refused extends Error {}

/** The tables of a font (ArrayBuffer of TTF, OTF, WOFF, or of a collection, whose first font is taken). */
export async function readTables(buffer) {
  const view = new DataView(buffer)
  const signature = view.byteLength < 12 ? '' : tagAt(view, 0)
  if (bare.includes(signature)) return bareTables(view, 0)
  if (signature === 'ttcf') return bareTables(view, view.getUint32(12))
  if (signature === 'wOFF') return packedTables(view)
  if (signature === 'wOF2') throw new Refused('WOFF2 is made for the web and is not opened here. Choose the TTF, OTF or WOFF of this font.')
  throw new Refused('This file is no font. Choose a TTF, OTF or WOFF.')
}

function bareTables(view, start) {
  return new Map(
    rows(view, start + 12, view.getUint16(start + 4), 16).map((at) => [tagAt(view, at), bytes(view, view.getUint32(at + 8), view.getUint32(at + 12))]),
  )
}

async function packedTables(view) {
  const found = rows(view, 44, view.getUint16(12), 20).map(async (at) => {
    const [from, packed, length] = [4, 8, 12].map((field) => view.getUint32(at + field))
    const raw = bytes(view, from, packed)
    return [tagAt(view, at), packed < length ? await inflated(raw) : raw]
  })
  return new Map(await Promise.all(found))
}

async function inflated(raw) {
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** The tables as one plain font again. Checksums are left at zero: the library reads none. */
export function joinTables(tables) {
  const heads = 12 + 16 * tables.size
  const lengths = [...tables.values()].map((table) => (table.byteLength + 3) & ~3)
  const made = new Uint8Array(lengths.reduce((sum, length) => sum + length, heads))
  const view = new DataView(made.buffer)
  view.setUint32(0, tables.has('glyf') ? 0x00010000 : 0x4f54544f)
  view.setUint16(4, tables.size)
  let place = heads
  ;[...tables].forEach(([tag, table], index) => {
    const at = 12 + 16 * index
    ;[...tag].forEach((letter, offset) => view.setUint8(at + offset, letter.charCodeAt(0)))
    view.setUint32(at + 8, place)
    view.setUint32(at + 12, table.byteLength)
    made.set(table, place)
    place += lengths[index]
  })
  return made.buffer
}

function rows(view, start, count, size) {
  return Array.from({ length: count }, (_, index) => start + index * size)
}

function tagAt(view, at) {
  return String.fromCharCode(...bytes(view, at, 4))
}

function bytes(view, from, length) {
  return new Uint8Array(view.buffer, from, length)
}
