// V8 alone has none of the web's own classes. These are as much of them as pages use when they are drawn.
const read = (text) => {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
};
const written = (text) =>
  encodeURIComponent(text)
    .replace(/%20/g, "+")
    .replace(/[!'()~]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
const halves = (pair) => [pair.split("=", 1)[0], pair.split("=").slice(1).join("=")].map(read);

globalThis.URLSearchParams ??= class {
  constructor(given = "") {
    const pairs = typeof given === "string" ? given.replace(/^\?/, "").split("&").filter(Boolean).map(halves) : null;
    this.pairs = pairs ?? [...(given[Symbol.iterator] ? given : Object.entries(given))].map((pair) => pair.map(String));
  }
  get(name) {
    return this.pairs.find(([known]) => known === name)?.[1] ?? null;
  }
  getAll(name) {
    return this.pairs.filter(([known]) => known === name).map(([, value]) => value);
  }
  has(name) {
    return this.get(name) !== null;
  }
  forEach(each) {
    for (const [name, value] of this.pairs) each(value, name, this);
  }
  [Symbol.iterator]() {
    return this.pairs[Symbol.iterator]();
  }
  toString() {
    return this.pairs.map((pair) => pair.map(written).join("=")).join("&");
  }
};
globalThis.URL ??= class {
  constructor(to) {
    const [, origin = "http://localhost", pathname, search = "", hash = ""] =
      /^([a-z]+:\/\/[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(to);
    Object.assign(this, { origin, pathname: pathname || "/", search, hash });
    this.href = this.origin + this.pathname + this.search + this.hash;
  }
  toString() {
    return this.href;
  }
};
globalThis.TextEncoder ??= class {};
globalThis.console ??= { log() {}, warn() {}, error() {} };
