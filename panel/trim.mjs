// Leaves out the parts of two libraries that the panel can never reach, so that the module stays under its weight.
// Each cut must match exactly once: a new version that looks different fails the build instead of shipping untrimmed.

import { readFile } from 'node:fs/promises'

// Emptied allow-lists only make the sanitiser stricter; the panel always brings its own.
const allowLists = ['html$1', 'html', 'svg$1', 'svgFilters', 'svgDisallowed', 'mathMl$1', 'mathMlDisallowed', 'svg', 'mathMl', 'xml']

// Options that the panel never sets, frozen at the default that the library gives them.
const sanitiserOptions = {
  ALLOW_SELF_CLOSE_IN_ATTR: true,
  ALLOW_UNKNOWN_PROTOCOLS: false,
  FORCE_BODY: false,
  IN_PLACE: false,
  KEEP_CONTENT: true,
  RETURN_TRUSTED_TYPE: false,
  SAFE_FOR_TEMPLATES: false,
  SAFE_FOR_XML: true,
  SANITIZE_DOM: true,
  SANITIZE_NAMED_PROPS: false,
  WHOLE_DOCUMENT: false,
}

const markdownOptions = {
  'this.options.breaks': '!1',
  'this.options.extensions': '(void 0)',
  'this.options.gfm': '!0',
  'this.options.hooks': '(void 0)',
  'this.options.pedantic': '!1',
  'this.options.silent': '!1',
}

function cut(source, pattern, replacement) {
  const found = source.match(new RegExp(pattern, 'g'))?.length ?? 0
  if (found !== 1) throw new Error(`trim: expected one match of ${pattern}, found ${found}`)
  return source.replace(new RegExp(pattern), () => replacement)
}

function freeze(source, [name, value]) {
  const undeclared = cut(source, `\\blet ${name} = ${value};`, '')
  const unset = cut(undeclared, `(?<![\\w.])${name} = cfg\\.${name} ${value ? '!== false' : '\\|\\| false'};`, '')
  return unset.replace(new RegExp(`(?<![\\w.'"])${name}(?![\\w:'"])`, 'g'), String(value))
}

export function trimDomPurify(source) {
  const listless = allowLists.reduce(
    (text, name) => cut(text, `const ${name.replace('$', '\\$')} = freeze\\(\\[[^\\]]*\\]\\);`, `const ${name} = freeze([]);`),
    source,
  )
  const withoutPolicy = listless.replaceAll('cfg.TRUSTED_TYPES_POLICY', '(void 0)')
  return Object.entries(sanitiserOptions).reduce(freeze, withoutPolicy)
}

export function trimMarked(source) {
  const frozen = Object.entries(markdownOptions).reduce((text, [option, value]) => text.replaceAll(option, value), source)
  const name = frozen.match(/export\{.*?(\w+) as Lexer/s)?.[1]
  if (!name) throw new Error('trim: marked no longer exports a Lexer')
  return cut(frozen, 'var \\w+=new \\w+;function [\\s\\S]*$', `export{${name} as Lexer};`)
}

const trims = [
  [/dompurify\/dist\/purify\.es\.mjs$/, trimDomPurify],
  [/marked\/lib\/marked\.esm\.js$/, trimMarked],
]

export const trim = {
  name: 'trim',
  setup(build) {
    for (const [filter, change] of trims)
      build.onLoad({ filter }, async ({ path }) => ({ contents: change(await readFile(path, 'utf8')), loader: 'js' }))
  },
}
