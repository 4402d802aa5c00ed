// Who clicks twice means it once: what takes a moment, and makes a payment or a key, is asked for a single time.
(() => {
  const SECONDS = 1.5;
  // A form that leads to another page ends its own first answer when it is sent again: a code that is used up by then,
  // and no session. So it waits until the page is left, or has clearly not been.
  const LEAVING_SECONDS = 15;
  const isLeaving = (element) => element?.dataset.once === "leaving";
  const free = (element) => element?.removeAttribute("aria-busy");
  const sent = (element) => {
    if (element.hasAttribute("aria-busy")) return true;
    element.setAttribute("aria-busy", "true");
    setTimeout(free, (isLeaving(element) ? LEAVING_SECONDS : SECONDS) * 1000, element);
    return false;
  };
  const stop = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-once]");
    if (button && sent(button)) stop(event);
  }, true);
  // What was put right is sent at once.
  addEventListener("input", (event) => isLeaving(event.target.form) || free(event.target.form), true);
  addEventListener("pageshow", () => document.querySelectorAll("[data-once=leaving]").forEach(free));
  addEventListener("submit", (event) => {
    if ("once" in event.target.dataset && sent(event.target)) stop(event);
  }, true);
})();
