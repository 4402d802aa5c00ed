// Compares pictures: node compare.mjs EXPECTED ACTUAL DIFFERENCES NAME... Folders of NAME.png; prints, for each name, the
// share of pixels that differ. Pixels that differ by their smoothing alone do not count, nor does an edge of two pixels.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

const SIZES_MAY_DIFFER_BY = 2;
const [expected, actual, differences, ...names] = process.argv.slice(2);
const read = (folder, name) => PNG.sync.read(readFileSync(join(folder, `${name}.png`)));

function cut(picture, width, height) {
  const piece = new PNG({ width, height });
  PNG.bitblt(picture, piece, 0, 0, width, height, 0, 0);
  return piece;
}

function share(name) {
  if (!existsSync(join(expected, `${name}.png`))) return 1;
  const [one, other] = [read(expected, name), read(actual, name)];
  if (Math.abs(one.width - other.width) > SIZES_MAY_DIFFER_BY || Math.abs(one.height - other.height) > SIZES_MAY_DIFFER_BY)
    return 1;
  const [width, height] = [Math.min(one.width, other.width), Math.min(one.height, other.height)];
  const diff = new PNG({ width, height });
  const options = { threshold: 0.15 };
  const count = pixelmatch(cut(one, width, height).data, cut(other, width, height).data, diff.data, width, height, options);
  mkdirSync(differences, { recursive: true });
  writeFileSync(join(differences, `${name}.png`), PNG.sync.write(diff));
  return count / (width * height);
}

console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, share(name)]))));
