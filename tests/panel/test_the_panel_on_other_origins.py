"""The panel on pages of real origins before the real product: same-site by cookie, others by token, no one else."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from sandbox.serve import in_thread
from tests.fixtures.front_door import wrong
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import free_port
from tests.panel.panel_hosts import Hosts, Visitor, example, hosting

pytestmark = pytest.mark.browser

ACCOUNT, API, EDITOR = "account.app.localhost", "api.app.localhost", "editor.app.localhost"
PARTNER, STRANGER = "partner.localhost", "stranger.localhost"
Visit = Callable[[str], Visitor]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Hosts]:
    """The product at two origins of one site, its sandbox with the demo editor, and pages of all other origins."""
    folder = tmp_path_factory.mktemp("origins")
    (folder / "account.db").write_bytes(sqlite_template.read_bytes())
    port = free_port()
    with ExitStack() as stack:
        world = stack.enter_context(in_thread(("claude", "stripe", "mail", "editor")))
        demo = world.urls["editor"].rsplit(":", 1)[1]
        origins = [f"http://{EDITOR}:{port}", f"http://{PARTNER}:{port}", f"http://{EDITOR}:{demo}"]
        product = stack.enter_context(
            running_product(
                folder,
                f"sqlite:///{folder / 'account.db'}",
                world,
                ACCOUNT_ORIGIN=f"http://{ACCOUNT}:{{port}}",
                API_ORIGIN=f"http://{API}:{{port}}",
                EDITOR_ORIGINS=",".join(origins),
                SIGN_UP_GRANT_USD="5",
            )
        )
        yield stack.enter_context(hosting(Hosts(product, f"http://{API}:{product.port}", port)))


@pytest.fixture
def visit(browser: Browser, hosts: Hosts) -> Iterator[Visit]:
    with ExitStack() as stack:

        def visitor(email: str) -> Visitor:
            context = browser.new_context(viewport={"width": 1200, "height": 800}, locale="en-US")
            stack.callback(context.close)
            return Visitor(context, hosts.product, email)

        yield visitor


@pytest.mark.parametrize("recipe", ["plain", "isolated", "strict"])
def test_an_editor_of_the_same_site_talks_by_the_cookie(visit: Visit, hosts: Hosts, recipe: str) -> None:
    ada = visit(f"ada-{recipe}@example.com")
    desk = ada.open(f"{hosts.origin(EDITOR)}/?recipe={recipe}")
    assert desk.page.evaluate("crossOriginIsolated") == (recipe == "isolated")
    ada.sign_in(desk.page)
    assert ada.balance(desk) == "$5.00"
    with desk.page.expect_request("**/v1/messages") as asked:
        desk.say("What is kerning?")
    headers = asked.value.all_headers()
    assert "authorization" not in headers
    assert headers["cookie"].startswith("session=")
    price = desk.page.locator("[part=price]")
    price.click()
    exact = desk.page.locator("dt:text-is('Exact price') + dd").inner_text().removeprefix("$")
    key = hosts.product.customer(ada.email, usd="0")
    assert [row["price_usd"] for row in hosts.product.requests(key)] == [exact]


def test_a_long_conversation_is_read_from_the_cache_and_says_so(visit: Visit, hosts: Hosts) -> None:
    ada = visit("cached@example.com")
    desk = ada.open(f"{hosts.origin(EDITOR)}/")
    ada.sign_in(desk.page)
    ada.balance(desk)
    for number, question in enumerate(("What is kerning?", "And spacing?")):
        desk.say(question)
        desk.page.locator("[part=price]").nth(number).wait_for()
        desk.button("Send").wait_for()
    desk.page.locator("[part=price]").nth(1).click()
    expect(desk.page.locator(".receipt").nth(1)).to_contain_text("Read from cache")


def test_stop_reaches_upstream_and_the_price_is_what_was_booked(visit: Visit, hosts: Hosts) -> None:
    ada = visit("stopper@example.com")
    desk = ada.open(f"{hosts.origin(EDITOR)}/")
    ada.sign_in(desk.page)
    ada.balance(desk)
    desk.say("Go on and on. [[sandbox: slow ms=40 tokens=2000]]")
    expect(desk.page.locator("[part=message-assistant]")).to_contain_text("the")
    desk.button("Stop").click()
    assert eventually(lambda: hosts.product.world.claude.books.entries[-1].ended == "client_gone")
    desk.sees("Stopped")
    desk.page.locator("[part=price]").click()
    shown = desk.page.locator("dt:text-is('Exact price') + dd").inner_text()
    key = hosts.product.customer(ada.email, usd="0")
    (row,) = hosts.product.requests(key)
    assert row["ended"] == "client_gone"
    assert shown.split()[0] == f"${row['price_usd']}"


def test_what_changes_elsewhere_is_seen_at_once(visit: Visit, hosts: Hosts) -> None:
    ada = visit("elsewhere@example.com")
    desk = ada.open(f"{hosts.origin(EDITOR)}/")
    ada.sign_in(desk.page)
    assert ada.balance(desk) == "$5.00"
    hosts.product.run("grant", ada.email, "2", "--reason", "a test").check_returncode()
    expect(desk.page.locator("[part=balance]")).to_contain_text("$7.00")
    desk.box.fill("half a thought")
    other_tab = ada.open(f"{hosts.origin(EDITOR)}/")
    leave = "address => fetch(address, { method: 'POST', credentials: 'include' }).then((answer) => answer.status)"
    assert other_tab.page.evaluate(leave, f"{hosts.api}/api/auth/logout") == 204
    desk.page.get_by_label("Email").wait_for()
    expect(desk.box).to_have_value("")


def test_credit_that_ends_in_mid_conversation_leaves_a_way_on(visit: Visit, hosts: Hosts) -> None:
    ada = visit("poor@example.com")
    desk = ada.open(f"{hosts.origin(EDITOR)}/")
    ada.sign_in(desk.page)
    ada.balance(desk)
    desk.say("What is kerning?")
    desk.button("Send").wait_for()
    key = hosts.product.customer(ada.email, usd="0")
    spend = {"model": "claude-fable-5-1", "max_tokens": 8000}
    for _ in range(10):
        ask = [{"role": "user", "content": "Longer! [[sandbox: fast tokens=8000]]"}]
        hosts.product.claude(key).messages.create(**spend, messages=ask)  # type: ignore[arg-type]
    expect(desk.page.locator("[part=banner]")).to_contain_text(re.compile(r"^\s*[1-5] % of your credit is left"))
    desk.page.locator("assistant-panel").evaluate("panel => { panel.model = 'claude-fable-5-1' }")
    desk.say("And spacing?")
    desk.sees("Not enough credit")
    desk.button("Shorter answer").click()
    expect(desk.page.get_by_text("Not enough credit")).to_have_count(0)
    desk.button("Send").wait_for()


def test_a_page_of_another_site_gets_its_token_through_a_window_of_ours(visit: Visit, hosts: Hosts) -> None:
    bob = visit("bob@example.com")
    desk = bob.open(f"{hosts.origin(PARTNER)}/?bearer", timed=True)
    desk.sees("Sign in to use the assistant on this page.")
    with desk.page.expect_popup() as opened:
        desk.button("Sign in").click()
    bob.sign_in(opened.value)
    assert bob.balance(desk) == "$5.00"
    with desk.page.expect_request("**/v1/messages") as asked:
        desk.say("What is kerning?")
    headers = asked.value.all_headers()
    assert headers["authorization"].startswith("Bearer at_")
    assert "cookie" not in headers
    desk.page.locator("[part=price]").wait_for()
    with desk.page.expect_response("**/api/auth/token/renew") as renewed:
        desk.page.clock.fast_forward("11:00")
    renewed.value.finished()
    with desk.page.expect_request("**/v1/messages") as asked:
        desk.say("And spacing?")
    assert (
        asked.value.all_headers()["authorization"]
        == f"Bearer {renewed.value.json()['token']}"
        != headers["authorization"]
    )
    desk.page.locator("[part=price]").nth(1).wait_for()
    desk.page.reload()
    desk.sees("Sign in to use the assistant on this page.")
    desk.button("Sign in").click()
    assert bob.balance(desk).startswith("$4.")


def test_in_that_window_a_code_that_is_used_up_leads_on_to_a_new_one(visit: Visit, hosts: Hosts) -> None:
    page = visit("clumsy@example.com").context.new_page()
    page.clock.install()
    page.goto(f"{hosts.api}/api/auth/bridge?origin={hosts.origin(PARTNER)}")
    page.get_by_label("Email").fill("clumsy@example.com")
    page.get_by_role("button", name="Sign in").click()
    code = page.get_by_label("Code")
    for _ in range(6):
        with page.expect_response("**/api/auth/verify"):
            code.fill(wrong(hosts.product.code("clumsy@example.com")))
    expect(page.get_by_role("alert")).to_contain_text("have a new code sent")
    expect(page.get_by_role("button", name="New code in")).to_be_disabled()
    page.clock.run_for(61_000)
    with page.expect_request("**/api/auth/request") as asked:
        page.get_by_role("button", name="Send a new code").click()
    assert asked.value.post_data_json == {"email": "clumsy@example.com"}
    expect(page.get_by_role("status")).to_contain_text("A new code is on its way")
    expect(code).to_have_value("")


def test_a_page_of_another_site_brings_a_token_of_its_own_server(visit: Visit, hosts: Hosts) -> None:
    zoe = visit("zoe@example.com")
    key = hosts.product.customer(zoe.email, usd="3")
    server = hosts.here(example("Behind that address", "js")).replace(hosts.product.account_origin, hosts.product.url)
    asking = f"{server}\nconsole.log(await tokenFor('{key}'))"
    made = subprocess.run(
        ["node", "--input-type=module", "-e", asking], capture_output=True, text=True, check=True, timeout=60
    )
    desk = zoe.open(f"{hosts.origin(PARTNER)}/?recipe=isolated")
    desk.page.locator("assistant-panel").evaluate(
        "(panel, token) => { panel.getToken = () => token }", made.stdout.strip()
    )
    assert zoe.balance(desk) == "$8.00"
    desk.say("What is kerning?")
    desk.page.locator("[part=price]").wait_for()


def test_a_stranger_gets_nothing(visit: Visit, hosts: Hosts) -> None:
    eve = visit("eve@example.com")
    signed_in = eve.open(f"{hosts.origin(EDITOR)}/")
    eve.sign_in(signed_in.page)
    eve.balance(signed_in)
    desk = eve.open(f"{hosts.origin(STRANGER)}/")
    desk.sees("No connection to the server.")
    reach = "path => fetch(path, { credentials: 'include' }).then(() => 'read', (problem) => problem.name)"
    for path in ("/api/auth/me", "/api/balance", "/api/balance/events"):
        assert desk.page.evaluate(reach, hosts.api + path) == "TypeError"
    window = eve.context.new_page()
    answer = window.goto(f"{hosts.api}/api/auth/bridge?origin={hosts.origin(STRANGER)}")
    assert answer is not None
    assert answer.status == 403


def test_the_demo_editor_is_kerned_by_the_assistant_from_end_to_end(visit: Visit, hosts: Hosts) -> None:
    ada = visit("designer@example.com")
    product: Product = hosts.product
    demo = product.world.urls["editor"].replace("127.0.0.1", EDITOR)
    faults: list[str] = []
    desk = ada.open(f"{demo}/?account={product.account_origin}&api={hosts.api}")
    desk.page.on("pageerror", lambda error: faults.append(str(error)))
    ada.sign_in(desk.page)
    ada.balance(desk)
    value = desk.page.get_by_label("Value")
    expect(value).to_have_value("-150")
    desk.say("Tighten A and V a little")
    desk.sees("AV: -150 → -170")
    expect(value).to_have_value("-150")
    desk.button("Accept").click()
    expect(value).to_have_value("-170")
    desk.button("Send").wait_for()
    desk.page.locator("assistant-panel").get_by_role("button", name="Undo", exact=True).click()
    expect(value).to_have_value("-150")
    desk.say("List the kerning pairs that begin with T")
    expect(desk.log.get_by_role("table")).to_contain_text("T")
    value.fill("-90")
    value.press("Enter")
    expect(desk.page.get_by_role("button", name="Pair AV, -90")).to_be_visible()
    assert faults == []
