// Uploads of files: each by a request of its own, straight to the API, with its progress. Pages give the words' looks.
import { createElement as h, useEffect, useReducer, useRef } from "react";

const AT_ONCE = 3;
const LOST = "The connection was lost. Nothing was kept; try again.";
const WAITS = 5;
const FREED = ["kept", "failed", "asked"];
const MONEY = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumFractionDigits: 12,
  numberingSystem: "latn" };
let made = 0;

const api = () => globalThis.document?.querySelector("meta[name=api-origin]")?.content ?? "";

// What is on its way: a list of {key, file, state, sent, why}. State: waiting, sending, kept, failed, or asked.
const changed = (items, { add, key, drop, ...news }) => {
  if (add) return [...items, ...add];
  if (drop) return items.filter((item) => item.key !== drop);
  return items.map((item) => (item.key === key ? { ...item, ...news } : item));
};

const send = (item, account, locale, tell) => {
  const request = new XMLHttpRequest();
  request.open("PUT", `${api()}/api/assets/${encodeURIComponent(item.file.name)}`);
  request.withCredentials = true;
  request.setRequestHeader("content-type", item.file.type || "application/octet-stream");
  request.setRequestHeader("x-account", account);
  // Another device may have kept one of this name since the page was drawn.
  if (!item.replaces) request.setRequestHeader("if-none-match", "*");
  request.upload.onprogress = (event) => tell({ sent: event.loaded });
  request.onerror = () => tell({ state: "failed", why: LOST });
  request.onload = () => {
    if (request.status < 300) return tell({ state: "kept", sent: item.file.size });
    const seconds = Number(request.getResponseHeader("retry-after"));
    if (request.status === 429 && seconds && item.waits < WAITS) {
      setTimeout(() => tell({ state: "waiting", sent: 0, waits: item.waits + 1 }), seconds * 1000);
      return;
    }
    if (request.status === 412) return tell({ state: "asked", sent: 0 });
    tell({ state: "failed", why: told(request, locale) });
  };
  request.send(item.file);
  return request;
};

const told = (request, locale) => {
  try {
    const { title, needed_usd: needed, available_usd: available } = JSON.parse(request.responseText);
    const usd = (amount) => new Intl.NumberFormat(locale, MONEY).format(amount);
    if (!needed) return title;
    return `A month of what you would keep costs ${usd(needed)}, and ${usd(available)} is available.`;
  } catch {
    return `It was not kept: the server answered ${request.status}.`;
  }
};

export function Uploads({ account, taken, largest, largestWords, locale, looks }) {
  const [items, change] = useReducer(changed, []);
  const [over, setOver] = useReducer((_, value) => value, false);
  const requests = useRef(new Map());
  const chooser = useRef(null);
  const names = useRef(taken);
  names.current = taken;
  const busy = items.some((item) => item.state === "waiting" || item.state === "sending");

  const begin = (files) => {
    const known = new Set(names.current.map((name) => name.normalize("NFC")));
    const add = [...files].map((file) => {
      const item = { key: `upload-${++made}`, file, state: "waiting", sent: 0, why: "", waits: 0 };
      if (file.size > largest) return { ...item, state: "failed", final: true, why: `A file has at most ${largestWords}.` };
      return known.has(file.name.normalize("NFC")) ? { ...item, state: "asked" } : item;
    });
    change({ add });
  };

  // Whatever waits is sent as soon as there is a free place.
  useEffect(() => {
    let free = AT_ONCE - requests.current.size;
    for (const item of items) {
      if (item.state !== "waiting" || requests.current.has(item.key) || free-- <= 0) continue;
      const tell = (news) => {
        if (news.state) requests.current.delete(item.key);
        change({ key: item.key, ...news });
        if (news.state === "kept") setTimeout(() => change({ drop: item.key }), 4000);
      };
      requests.current.set(item.key, send(item, account, locale, tell));
      change({ key: item.key, state: "sending" });
    }
  }, [items]);

  // A file that is dropped beside the place for it would otherwise be opened instead of the page.
  useEffect(() => {
    const on = (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(event.type === "dragover");
      if (event.type === "drop") begin(event.dataTransfer.files);
    };
    const kinds = ["dragover", "dragleave", "drop"];
    kinds.forEach((kind) => window.addEventListener(kind, on));
    return () => kinds.forEach((kind) => window.removeEventListener(kind, on));
  }, []);

  useEffect(() => {
    if (!busy) return;
    const stay = (event) => event.preventDefault();
    window.addEventListener("beforeunload", stay);
    return () => window.removeEventListener("beforeunload", stay);
  }, [busy]);

  const stop = (item) => {
    requests.current.get(item.key)?.abort();
    requests.current.delete(item.key);
    change({ drop: item.key });
  };

  const place = h(
    "div",
    { className: over ? looks.over : looks.place },
    h("p", { className: looks.lead }, "Drop files here, or"),
    h("button", { type: "button", className: looks.action, onClick: () => chooser.current.click() }, "Choose files"),
    h("input", {
      ref: chooser, type: "file", multiple: true, hidden: true, "aria-label": "Files",
      onChange: (event) => { begin(event.target.files); event.target.value = ""; },
    }),
    h("p", { className: looks.note }, `Up to ${largestWords} each. A file of the same name is replaced once you say so.`),
  );
  const list = items.map((item) => row(item, looks, stop, change));
  return h("div", {}, place, h("ul", { className: looks.list, "aria-label": "Uploads", hidden: !items.length }, list),
    h("p", { role: "status", className: "sr-only" }, summary(items)));
}

const summary = (items) => {
  const count = (...states) => items.filter((item) => states.includes(item.state)).length;
  if (!items.length) return "";
  return `${count("kept")} of ${items.length} kept` + (count("failed") ? `, ${count("failed")} failed.` : ".");
};

const row = (item, looks, stop, change) => {
  const { key, file, state, sent, why, final } = item;
  const button = (words, act, look = looks.quiet) =>
    h("button", { type: "button", className: look, onClick: act }, words, h("span", { className: "sr-only" }, ` ${file.name}`));
  const drop = () => change({ drop: key });
  const again = (more) => change({ key, state: "waiting", sent: 0, why: "", waits: 0, ...more });
  const share = file.size ? Math.floor((sent / file.size) * 100) : 0;
  const words = {
    waiting: "Waiting", sending: sent < file.size ? `${share}%` : "Keeping …", kept: "Kept",
    failed: why, asked: "There is a file of this name.",
  }[state];
  return h(
    "li",
    { key, className: looks.row },
    h("span", { className: looks.name }, file.name),
    h("span", { className: state === "failed" ? looks.bad : looks.state, role: state === "failed" ? "alert" : undefined }, words),
    FREED.includes(state) ? null : h("progress", { className: "upload", max: file.size || 1, value: sent, "aria-label": `Upload of ${file.name}` }),
    h(
      "span",
      { className: looks.acts },
      state === "asked" ? [button("Replace", () => again({ replaces: true }), looks.second), button("Skip", drop)] : null,
      state === "failed" && !final ? button("Try again", () => again(), looks.second) : null,
      state === "failed" ? button("Dismiss", drop) : null,
      state === "waiting" || state === "sending" ? button("Stop", () => stop(item)) : null,
    ),
  );
};
