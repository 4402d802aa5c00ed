// Who clicks twice means it once: what takes a moment, and makes a payment or a key, is asked for a single time.
(() => {
  const SECONDS = 1.5;
  const sent = (element) => {
    if (element.hasAttribute("aria-busy")) return true;
    element.setAttribute("aria-busy", "true");
    setTimeout(() => element.removeAttribute("aria-busy"), SECONDS * 1000);
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
  addEventListener("input", (event) => event.target.form?.removeAttribute("aria-busy"), true);
  addEventListener("submit", (event) => {
    if ("once" in event.target.dataset && sent(event.target)) stop(event);
  }, true);
})();
