"""`python -m benchmarks.panel`: how soon a word that upstream writes is seen in the panel, and how smoothly many are.

A real Chromium, the real product, and an upstream that writes the time into its first word. Everything on one machine.
"""

import asyncio
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.peers import BIN, running
from relay import accounts, clock, ledger, pricing
from relay.accounts.sessions import open_session
from relay.database import Database, migrations
from relay.money import PICO_PER_USD
from relay.settings import read_settings
from tests.fixtures.servers import free_port, wait_until

ANSWERS = 100
TOKENS_PER_SECOND = 200
SECONDS = 10
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WORDS = ["The", "**spacing**", "of", "`n`", "and", "o", "sets", "the", "rhythm;", "look", "often.\n\n-", "then\n\n"]

# The word is seen when the frame after it has been drawn: a task that follows the next frame.
WATCH = """() => {
  const panel = document.querySelector('assistant-panel')
  window.seen = undefined
  const look = () => {
    const at = panel.shadowRoot.querySelector('.exchange:last-of-type .prose')?.textContent.match(/@(\\d+)@/)
    if (!at || window.written === at[1]) return requestAnimationFrame(look)
    window.written = at[1]
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => (window.seen = performance.timeOrigin + performance.now() - Number(at[1]) / 1e6)
    port2.postMessage('')
  }
  requestAnimationFrame(look)
}"""
SEEN = """() => new Promise((resolve) => {
  const look = () => (window.seen === undefined ? requestAnimationFrame(look) : resolve(window.seen))
  look()
})"""
BARE = """async () => {
  const messages = [{ role: 'user', content: 'now' }]
  const body = { model: 'claude-sonnet-5-5', max_tokens: 100, stream: true, messages }
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const answer = await fetch('/api/claude/v1/messages', { method: 'POST', headers, body: JSON.stringify(body) })
  const reader = answer.body.getReader()
  let text = ''
  for (let at; !at; ) {
    text += new TextDecoder().decode((await reader.read()).value)
    at = text.match(/@(\\d+)@/)
    if (at) var took = performance.timeOrigin + performance.now() - Number(at[1]) / 1e6
  }
  while (!(await reader.read()).done);
  return took
}"""
FRAMES = """() => {
  window.gaps = []
  window.long = 0
  new PerformanceObserver((list) => (window.long += list.getEntries().length)).observe({ type: 'longtask' })
  let last = performance.now()
  const tick = (now) => (window.gaps.push(now - last), (last = now), requestAnimationFrame(tick))
  requestAnimationFrame(tick)
}"""


async def write_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One answer: its first word is the time in nanoseconds, unless many words are asked for."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0)
    body = json.loads(await reader.readexactly(length))
    many = "many" in json.dumps(body["messages"][-1])
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": [], "usage": usage}
    writer.write(HEAD + event("message_start", message=message))
    writer.write(event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    await writer.drain()
    for number in range(TOKENS_PER_SECOND * SECONDS if many else 1):
        await asyncio.sleep(1 / TOKENS_PER_SECOND)
        text = WORDS[number % len(WORDS)] + " " if many else f"@{time.time_ns()}@"
        writer.write(event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}))
    writer.write(event("content_block_stop", index=0))
    writer.write(event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 20}))
    writer.write(event("message_stop") + b"0\r\n\r\n")
    await writer.drain()
    writer.close()


def event(kind: str, **members: Any) -> bytes:
    """One chunk of the body."""
    text = f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(text), text)


@contextmanager
def upstream() -> Iterator[int]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(write_answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@contextmanager
def product(folder: Path, upstream_port: int) -> Iterator[tuple[str, str]]:
    """Its origin, and the session of somebody with credit."""
    port = free_port()
    settings = {
        "DATABASE_URL": f"sqlite:///{folder / 'account.db'}",
        "SECRET_KEY": "for the bench alone, 32 characters or more",
        "ANTHROPIC_API_KEY": "sk-ant-of-the-stub",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream_port}",
        "RESEND_API_KEY": "re_nobody",
        "RESEND_API_URL": "http://127.0.0.1:9",
        "STRIPE_API_KEY": "sk_test_nobody",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "ACCOUNT_ORIGIN": f"http://localhost:{port}",
        "RATE_REQUESTS_PER_MINUTE": "100000",
        "RATE_TOKENS_PER_MINUTE": "100000000",
    }
    session = open_books(settings)
    log = folder / "product.log"
    with running([str(BIN / "account-app"), "serve", "--port", str(port)], log, None, **settings) as process:
        wait_until(lambda: b"running on" in log.read_bytes(), process, log)
        yield settings["ACCOUNT_ORIGIN"], session


def open_books(settings: dict[str, str]) -> str:
    chosen = read_settings(**settings)
    migrations.upgrade(chosen)
    database = Database(chosen.database_url)
    database.write_now(lambda c: pricing.publish(c, chosen.MARKUP_PERCENT, clock.now() - timedelta(minutes=1)))
    person = database.write_now(lambda c: accounts.account_for(c, chosen, "ada@example.com"))
    database.write_now(
        lambda c: ledger.grant(
            c, person.account_id, kind="topup", amount_pico=100 * PICO_PER_USD, key="bench", reason="The bench"
        )
    )
    token = database.write_now(lambda c: open_session(c, person.account_id, "Chrome on Linux", ""))[1]
    database.close()
    return token


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()


def until_answered(page: Page) -> None:
    page.get_by_role("button", name="Send").wait_for(timeout=60_000)


def measure(page: Page) -> dict[str, float]:
    page.get_by_role("link", name="Available credit").wait_for()
    seen, bare = [], []
    for _ in range(ANSWERS):
        page.get_by_role("button", name="New conversation").click()
        page.evaluate(WATCH)
        say(page, "now")
        until_answered(page)
        seen.append(page.evaluate(SEEN))
        bare.append(page.evaluate(BARE))
    return {**spread("seen", seen), **spread("bare", bare)}


def spread(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"{name}_median_ms": statistics.median(ordered), f"{name}_p99_ms": ordered[int(len(ordered) * 0.99) - 1]}


def measure_frames(page: Page) -> dict[str, float]:
    page.get_by_role("button", name="New conversation").click()
    say(page, "many")
    page.get_by_text("rhythm").first.wait_for()
    page.evaluate(FRAMES)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy_seconds(session)
    until_answered(page)
    busy_ms = 1000 * (busy_seconds(session) - before)
    gaps = sorted(page.evaluate("window.gaps"))
    return {
        "busy_ms_a_frame": busy_ms / len(gaps),
        "frames_per_second": 1000 * len(gaps) / sum(gaps),
        "frame_median_ms": statistics.median(gaps),
        "frame_p99_ms": gaps[int(len(gaps) * 0.99)],
        "frames_over_50_ms": sum(gap > 50 for gap in gaps),
        "long_tasks": page.evaluate("window.long"),
    }


def busy_seconds(session: CDPSession) -> float:
    """What the page's main thread has worked, whatever else the machine did."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "TaskDuration")


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        upstream() as stub,
        product(Path(folder), stub) as (origin, session),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1200, "height": 800})
        context.add_cookies([{"name": "session", "value": session, "url": origin, "httpOnly": True}])
        page = context.new_page()
        page.goto(f"{origin}/assistant")
        figures = measure(page) | measure_frames(page)
        browser.close()
    for name, value in figures.items():
        print(f"{name:20} {value:8.1f}")


if __name__ == "__main__":
    main()
