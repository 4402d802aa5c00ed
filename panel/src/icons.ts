/** Line icons of 16 px, drawn in the colour of the text. They are never the only name of a control. */

import { html, svg } from 'lit'

const paths = {
  list: 'M3 4.5h10M3 8h10M3 11.5h6',
  plus: 'M8 3.5v9M3.5 8h9',
  close: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  copy: 'M6 6h6.5v6.5H6zM3.5 10V3.5H10',
  edit: 'M10.5 3.5l2 2-7 7-2.5.5.5-2.5z',
  again: 'M12.5 8a4.5 4.5 0 1 1-1.4-3.250M12.5 2.750v2.750H9.75',
  send: 'M8 12.5v-9M4 7.5l4-4 4 4',
  stop: 'M5 5h6v6H5z',
  down: 'M8 3.5v9M4 8.5l4 4 4-4',
  save: 'M8 3v6.5M5 7l3 3 3-3M3.5 12.750h9',
  bin: 'M3.5 4.750h9M6.5 4.5v-1.250h3v1.250M5 4.750l.5 8h5l.5-8',
}

export function icon(name: keyof typeof paths) {
  return html`<svg viewBox="0 0 16 16" aria-hidden="true">${svg`<path d=${paths[name]}></path>`}</svg>`
}
