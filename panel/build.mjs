// Writes panel.js, markdown.js, bridge.js, their source maps, panel.d.ts, bridge.d.ts and custom-elements.json into assets/panel/v1/.

import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import esbuild from 'esbuild'

const here = new URL('.', import.meta.url)
const out = new URL('../assets/panel/v1/', here)
const gzBytesMax = 40_000

/** A style sheet as text, without its white space. */
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

/** Templates without the indentation of their source. */
const unindented = {
  name: 'unindented',
  setup(build) {
    build.onLoad({ filter: /src\/\w+\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      return { contents: source.replace(/\n[ ]+/g, '\n'), loader: 'ts' }
    })
  },
}

/** One module; returns its bytes. */
async function bundle(name, licences, define = {}) {
  const outfile = fileURLToPath(new URL(`${name}.js`, out))
  await esbuild.build({
    entryPoints: [fileURLToPath(new URL(`src/${name}.ts`, here))],
    outfile,
    bundle: true,
    minify: true,
    sourcemap: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: `/*! ${licences} */` },
    define,
    plugins: [minifiedCss, unindented],
  })
  return readFile(outfile)
}

await mkdir(out, { recursive: true })
const markdown = await bundle('markdown', 'marked (MIT), DOMPurify (Apache-2.0 or MPL-2.0)')
const version = createHash('sha256').update(markdown).digest('hex').slice(0, 10)
const panel = await bundle('panel', 'Lit (BSD-3-Clause), eventsource-parser (MIT)', {
  MARKDOWN_FILE: JSON.stringify(`markdown.js?${version}`),
})
await bundle('bridge', 'Part of the assistant panel')
await copyFile(new URL('src/api.ts', here), new URL('panel.d.ts', out))
await writeFile(
  new URL('bridge.d.ts', out),
  `/** Brings a token for \`getToken\` through a window of the account's own site; \`account\` is the origin that answers \`/api\`. */
export declare function bridge(account?: string): () => Promise<string>
`,
)
await copyFile(new URL('custom-elements.json', here), new URL('custom-elements.json', out))

const [size, later] = [panel, markdown].map((file) => gzipSync(file, { level: 9 }).length)
console.log(`panel.js: ${size} bytes gzipped (at most ${gzBytesMax}); markdown.js, which follows it: ${later}`)
if (size > gzBytesMax) process.exit(1)
