// A page that is older or newer than its server reloads itself, once for each version that it meets.
(() => {
  const said = (name) => document.querySelector(`meta[name=${name}]`)?.content ?? "";
  const ours = said("pages-version");
  const reloaded = (version) => {
    try {
      if (sessionStorage.reloadedFor === version) return true;
      sessionStorage.reloadedFor = version;
      return false;
    } catch {
      return true;
    }
  };
  // What somebody is typing, or the assistant is writing, is not thrown away.
  const busy = () => {
    const place = document.activeElement;
    return place?.localName === "assistant-panel" || (place?.value ?? "") !== (place?.defaultValue ?? "");
  };
  async function look() {
    try {
      const answer = await fetch(`${said("api-origin")}/_version`, { cache: "no-store", credentials: "omit" });
      const { pages } = await answer.json();
      if (pages && ours && pages !== ours && !busy() && !reloaded(pages)) location.reload();
    } catch {
      // Out of reach: the page says so itself, and the next look is soon.
    }
  }
  look();
  addEventListener("online", look);
  addEventListener("visibilitychange", () => document.hidden || look());
  setInterval(look, 60_000);
})();
