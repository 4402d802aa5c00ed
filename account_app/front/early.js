(() => {
  const { timeZone, locale } = Intl.DateTimeFormat().resolvedOptions();
  const told = (name) => document.querySelector(`meta[name=${name}]`)?.content;
  let token;
  try {
    // The server draws pages for the reader too: it needs to know in which zone they read.
    for (const [name, value] of [["zone", timeZone || "UTC"], ["locale", navigator.language || locale]])
      document.cookie = `${name}=${encodeURIComponent(value)};path=/;max-age=31536000;samesite=lax`;
    localStorage.setItem("zone", timeZone || "UTC");
    localStorage.setItem("locale", navigator.language || locale);
    // A page that came with its figures begins with a State anew: an older one would take them back for a moment.
    if (document.querySelector("meta[name=early]")) delete sessionStorage.token;
    token = sessionStorage.token ||= crypto.getRandomValues(new Uint32Array(4)).join("-");
  } catch {}
  if (!token || document.visibilityState === "hidden" || location.pathname === "/sign-in") return;
  // The event socket opens while the scripts are still on their way. They ask for it later, by the same address.
  const origin = (told("api-origin") || location.origin).replace(/^http/, "ws");
  const address = `${origin}/_event/?token=${token}&EIO=4&transport=websocket`;
  const kept = [];
  let early = new WebSocket(address, ["REFLEX_VERSION"]);
  early.binaryType = "arraybuffer";
  early.onmessage = (event) => kept.push(event);
  const adopt = () => {
    const socket = early;
    early = null;
    socket.onmessage = null;
    if (socket.readyState === WebSocket.OPEN) {
      queueMicrotask(() => {
        socket.onopen?.();
        for (const event of kept) socket.onmessage?.(event);
      });
    }
    return socket;
  };
  globalThis.WebSocket = new Proxy(WebSocket, {
    construct(real, words) {
      const isOurs = early && words[0] === address && early.readyState <= WebSocket.OPEN;
      return isOurs ? adopt() : Reflect.construct(real, words);
    },
  });
})();
