// Keeps pictures as references: node keep.mjs FROM TO. Sixteen shades of each colour are enough to compare with, and make
// the files less than half as large.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";

const [from, to] = process.argv.slice(2);
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from)) {
  const picture = PNG.sync.read(readFileSync(join(from, name)));
  picture.data = picture.data.map((value) => Math.round(value / 17) * 17);
  writeFileSync(join(to, name), PNG.sync.write(picture, { colorType: 2, deflateLevel: 9, deflateStrategy: 0, filterType: 0 }));
}
