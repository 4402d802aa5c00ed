// The server may have drawn the page with its figures. React begins with the same figures, and changes nothing.
export const begin = (initialState) => {
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
};
