"""Builds the Reflex app: its pages, and what its defaults must not do."""

import reflex as rx
from reflex_base.registry import RegistrationContext

from account_app import operating, owning
from account_app.faults import remember_browser_fault, remember_fault
from account_app.lean import early_script
from account_app.pages import (
    account,
    assistant,
    billing,
    keys,
    not_found,
    operator,
    overview,
    requests,
    sign_in,
    storage,
    usage,
)
from account_app.states import careful


def shut_setters() -> None:
    """Reflex gives every State a remote `setvar`. No page of ours uses one."""
    handlers = RegistrationContext.get().event_handlers
    for name in [name for name in handlers if name.endswith(".setvar")]:
        del handlers[name]


app = rx.App(
    app_wraps={},
    toaster=None,
    html_lang="en",
    stylesheets=["/theme.css"],
    head_components=[
        rx.el.link(rel="icon", href="/favicon.svg", type="image/svg+xml"),
        rx.el.link(rel="icon", href="/favicon.ico", sizes="32x32"),
        rx.el.link(rel="apple-touch-icon", href="/apple-touch-icon.png"),
        rx.el.link(rel="manifest", href="/site.webmanifest"),
        rx.el.meta(name="color-scheme", content="light dark"),
        # Inline, so that nothing is waited for: the zone is stored before the page connects.
        rx.el.script(early_script()),
        rx.el.script(src="/fresh.js", defer=True),
        rx.el.script(src="/once.js", defer=True),
    ],
    frontend_exception_handler=remember_browser_fault,
    backend_exception_handler=remember_fault,
)

# The manager has no setting of its own for this.
setattr(app, "_state_manager", careful(app.state_manager))  # noqa: B010

NAME = "Font editor account"
app.add_page(sign_in.page, route="/sign-in", title=f"Sign in · {NAME}", description=NAME)
app.add_page(overview.page, route=overview.ROUTE, title=f"Overview · {NAME}", on_load=overview.Overview.load)
app.add_page(usage.page, route=usage.ROUTE, title=f"Usage · {NAME}", on_load=usage.Usage.load)
app.add_page(requests.page, route=requests.ROUTE, title=f"Requests · {NAME}", on_load=requests.Requests.load)
app.add_page(billing.page, route=billing.ROUTE, title=f"Billing · {NAME}", on_load=billing.Billing.load)
app.add_page(assistant.page, route=assistant.ROUTE, title=f"Assistant · {NAME}", on_load=assistant.Assistant.load)
app.add_page(storage.page, route=storage.ROUTE, title=f"Storage · {NAME}", on_load=storage.Storage.load)
app.add_page(keys.page, route=keys.ROUTE, title=f"Keys · {NAME}", on_load=keys.Keys.load)
app.add_page(account.page, route=account.ROUTE, title=f"Account · {NAME}", on_load=owning.Account.load)
app.add_page(operator.page, route=operator.ROUTE, title=f"Operator · {NAME}", on_load=operating.Operator.load)
app.add_page(not_found.page, route="404", title=f"Not found · {NAME}")
shut_setters()
