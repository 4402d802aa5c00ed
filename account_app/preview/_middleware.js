// A password before every answer of a preview. Cloudflare Pages runs it; production does not have it.
// PREVIEW_PASSWORD is an encrypted variable of the project's preview environment. Without it nobody gets in.
const LENGTH_MIN = 12;
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "content-type": "text/plain; charset=utf-8",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "x-robots-tag": "noindex, nofollow",
};

export async function onRequest({ request, env, next }) {
  try {
    const password = env.PREVIEW_PASSWORD ?? "";
    if (password.length < LENGTH_MIN) return refuse(503, "This preview has no password yet, so it is closed.\n");
    if (!(await same(given(request), password))) {
      return refuse(401, "This preview asks for a password.\n", {
        "www-authenticate": 'Basic realm="preview", charset="UTF-8"',
      });
    }
    const answer = await next();
    const shown = new Response(answer.body, answer);
    shown.headers.set("x-robots-tag", "noindex, nofollow");
    shown.headers.set("cache-control", "private, no-store");
    return shown;
  } catch {
    return refuse(503, "This preview is closed: its password could not be checked.\n");
  }
}

/** The password of HTTP Basic, whatever the name before it. */
function given(request) {
  const [scheme, encoded = ""] = (request.headers.get("authorization") ?? "").split(" ");
  if (scheme.toLowerCase() !== "basic") return "";
  try {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const text = new TextDecoder().decode(bytes);
    return text.slice(text.indexOf(":") + 1);
  } catch {
    return "";
  }
}

/** Compares digests, so that the time it takes tells neither a letter nor the length. */
async function same(one, other) {
  const digest = (text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [a, b] = (await Promise.all([digest(one), digest(other)])).map((buffer) => new Uint8Array(buffer));
  return a.reduce((difference, byte, i) => difference | (byte ^ b[i]), 0) === 0;
}

function refuse(status, words, more = {}) {
  return new Response(words, { status, headers: { ...HEADERS, ...more } });
}
