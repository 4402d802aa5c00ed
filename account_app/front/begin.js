// A server that was started anew knows nothing of a page that is still open. Its first word is a State without
// figures, told whole; what is shown stays until the next word brings them.
const SHOWN = ["email", "operator", "blocked", "filled", "shown_query", "shown_zone", "shown_locale", "found", "upcoming"];
const shown = new Set(SHOWN.map((name) => `${name}_rx_state_`));
const nothing = {};

export const kept = (substate, told) => {
  const before = nothing[substate] ?? {};
  const names = Object.keys(told);
  if (names.length < Object.keys(before).length) return told;
  const isNothing = (name) => shown.has(name) && JSON.stringify(told[name]) === JSON.stringify(before[name]);
  return Object.fromEntries(names.filter((name) => !isNothing(name)).map((name) => [name, told[name]]));
};

// The server may have drawn the page with its figures. React begins with the same figures, and changes nothing.
export const begin = (initialState) => {
  Object.assign(nothing, initialState);
  const early = globalThis.document?.querySelector("meta[name=early]");
  if (!early) return;
  for (const [name, values] of Object.entries(JSON.parse(early.content)))
    initialState[name] = { ...initialState[name], ...values };
  early.remove();
  // Our policy refuses a style that is written in HTML, so a sheet stood in for each until now.
  for (const one of document.querySelectorAll("[data-style]")) {
    one.style.cssText = one.dataset.style;
    one.removeAttribute("data-style");
  }
  document.querySelector("style[data-early]")?.remove();
};
