// Writes panel.js, its source map, panel.d.ts and custom-elements.json into assets/panel/v1/.

import { readFile, writeFile, mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import esbuild from 'esbuild'
import { minify } from 'terser'

import { trim } from './trim.mjs'

const here = new URL('.', import.meta.url)
const out = new URL('../assets/panel/v1/', here)
const gzBytesMax = 40_000
const licences = '/*! Lit (BSD-3-Clause), marked (MIT), DOMPurify (Apache-2.0 or MPL-2.0), eventsource-parser (MIT) */'

const minifiedCss = {
  name: 'minified-css',
  setup(build) {
    build.onResolve({ filter: /\.css\?inline$/ }, ({ path, resolveDir }) => ({
      path: `${resolveDir}/${path.replace('?inline', '')}`,
    }))
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const css = await readFile(path, 'utf8')
      const { code } = await esbuild.transform(css, { loader: 'css', minify: true })
      return { contents: code.trim(), loader: 'text' }
    })
  },
}

/** Lit treats runs of white space in a template as one: they are not worth sending. */
const tightTemplates = {
  name: 'tight-templates',
  setup(build) {
    build.onLoad({ filter: /\/src\/[\w-]+\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      return { contents: source.includes("from 'lit'") ? source.replace(/\n\s+/g, '\n') : source, loader: 'ts' }
    })
  },
}

await mkdir(out, { recursive: true })
const bundle = await esbuild.build({
  entryPoints: [fileURLToPath(new URL('src/panel.ts', here))],
  outdir: fileURLToPath(out),
  bundle: true,
  write: false,
  minifySyntax: true,
  sourcemap: 'external',
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  plugins: [trim, minifiedCss, tightTemplates],
})
const [map, module] = bundle.outputFiles

// esbuild keeps functions that nothing calls when they stand inside another function; the sanitiser has many.
const panel = await minify(module.text, {
  module: true,
  ecma: 2020,
  compress: { passes: 3, keep_fargs: false },
  format: { comments: false, preamble: licences },
  sourceMap: { content: map.text, filename: 'panel.js', url: 'panel.js.map' },
})
await writeFile(new URL('panel.js', out), panel.code)
await writeFile(new URL('panel.js.map', out), panel.map)
await writeFile(new URL('panel.d.ts', out), await readFile(new URL('src/api.ts', here)))
await writeFile(new URL('custom-elements.json', out), await readFile(new URL('custom-elements.json', here)))

const size = gzipSync(panel.code, { level: 9 }).length
console.log(`assets/panel/v1/panel.js: ${size} bytes gzipped (at most ${gzBytesMax})`)
if (size > gzBytesMax) process.exit(1)
