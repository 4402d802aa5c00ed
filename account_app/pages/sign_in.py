"""Signing in: two native forms, so that it works without the event socket, and mostly without script."""

import reflex as rx
from reflex.vars import VarData
from reflex_base.utils.imports import ImportVar

from account_app import theme
from account_app.components import controls
from account_app.layout import NAME, Form, api

RESEND_SECONDS = 60

ERRORS = {
    "code_invalid": "That code is not right, or no longer valid. Check the newest mail, or get a new code.",
    "invalid_request": "That does not look like an email address. Check it and try again.",
    "rate_limited": "That was too many tries. Wait a while, then try again.",
    "forbidden": "That form came from another site, so it was not accepted. Please try again here.",
    "expired": "You were signed out. Sign in to go on.",
    "unavailable": "Signing in does not work at the moment. Please try again in a minute.",
}
OTHER_ERROR = "Something went wrong. Please try again."

# The page is the same file for everybody; what differs comes from its address, once the script runs. The
# address of the person and of the page they wanted stay in the tab: they belong in no URL and no log.
# Nothing is decided by them.
_QUERY = VarData(
    hooks={
        "const [query, setQuery] = useState({});": None,
        "useEffect(() => {"
        " const q = Object.fromEntries(new URLSearchParams(location.search)), midway = q.step || q.error;"
        " try { if (q.next) sessionStorage.next = q.next;"
        " else if (midway) q.next = sessionStorage.next; else delete sessionStorage.next;"
        " if (midway) q.email = sessionStorage.email; } catch {}"
        " setQuery(q); }, []);": None,
    },
    imports={"react": [ImportVar(tag="useState"), ImportVar(tag="useEffect")]},
)
_COUNTDOWN = VarData(
    hooks={
        f"const [left, setLeft] = useState({RESEND_SECONDS});": None,
        "useEffect(() => { const t = setInterval(() => setLeft((n) => Math.max(0, n - 1)), 1000);"
        " return () => clearInterval(t); }, []);": None,
    },
    imports={"react": [ImportVar(tag="useState"), ImportVar(tag="useEffect")]},
)
_REMEMBER_EMAIL = rx.Var("((e) => { try { sessionStorage.email = e.target.value } catch {} })")
_SUBMIT_WHEN_WHOLE = rx.Var(
    "((e) => { if (e.target.value.replace(/\\D/g, '').length === 6 && !e.target.form.dataset.sent)"
    " { e.target.form.dataset.sent = '1'; e.target.form.requestSubmit(); } })"
)


def query(name: str) -> rx.Var[str]:
    return rx.Var(f"(query.{name} ?? '')", _var_data=_QUERY).to(str)


def page() -> rx.Component:
    return rx.el.main(
        rx.el.div(
            rx.el.p(NAME, class_name="text-sm font-semibold tracking-tight text-ink text-center mb-6"),
            rx.el.div(
                rx.cond(query("step") == "code", _code_step(), _email_step()),
                _without_script(),
                class_name=f"{theme.PANEL} p-6 sm:p-8",
            ),
            class_name="w-full max-w-sm",
        ),
        id="content",
        class_name="min-h-screen flex items-start sm:items-center justify-center px-4 py-12",
    )


def _email_step() -> rx.Component:
    return rx.fragment(
        rx.el.h1("Sign in", class_name=theme.TITLE),
        rx.el.p(
            "We mail you a code. New here? The same code opens your account.",
            class_name=f"{theme.QUIET} mt-1 mb-5",
        ),
        _error(),
        Form.create(
            _next(),
            rx.el.label("Email", html_for="email", class_name=theme.LABEL),
            rx.el.input(
                id="email",
                name="email",
                type="email",
                required=True,
                auto_complete="username",
                auto_focus=True,
                max_length=254,
                default_value=query("email"),
                key=query("email"),
                class_name=theme.LARGE_FIELD,
                spell_check=False,
                auto_capitalize="none",
                custom_attrs={"onInput": _REMEMBER_EMAIL},
            ),
            rx.el.button("Sign in", type="submit", class_name=theme.PRIMARY),
            action=api("/api/auth/request"),
            method="post",
            custom_attrs=controls.ONCE_LEAVING,
        ),
    )


def _code_step() -> rx.Component:
    return rx.fragment(
        rx.el.h1("Enter the code", class_name=theme.TITLE),
        rx.el.p(
            rx.cond(
                query("email") != "",
                rx.fragment(
                    "We mailed a 6-digit code to ",
                    rx.el.strong(query("email"), class_name="text-ink font-medium [overflow-wrap:anywhere]"),
                ),
                "We mailed you a 6-digit code",
            ),
            ". It works for 10 minutes, in this browser.",
            class_name=f"{theme.QUIET} mt-1 mb-5",
        ),
        _error(),
        Form.create(
            _next(),
            rx.el.label("Code", html_for="code", class_name=theme.LABEL),
            rx.el.input(
                id="code",
                name="code",
                required=True,
                auto_complete="one-time-code",
                input_mode="numeric",
                auto_focus=True,
                max_length=20,
                custom_attrs={"onInput": _SUBMIT_WHEN_WHOLE},
                class_name=theme.CODE_FIELD,
            ),
            rx.el.button("Sign in", type="submit", class_name=theme.PRIMARY),
            action=api("/api/auth/verify"),
            method="post",
            custom_attrs=controls.ONCE_LEAVING,
        ),
        rx.el.div(
            _resend(),
            rx.el.a("Use another email", href="/sign-in", class_name=theme.LINK),
            class_name="mt-5 flex flex-wrap items-center justify-between gap-3",
        ),
    )


def _resend() -> rx.Component:
    left = rx.Var("left", _var_data=_COUNTDOWN).to(int)
    return Form.create(
        rx.cond(
            left > 0,
            rx.el.span("New code in ", left, " s", class_name="text-sm text-muted figures"),
            rx.el.button("Send a new code", type="submit", class_name=f"{theme.LINK} cursor-pointer"),
        ),
        action=api("/api/auth/request"),
        method="post",
        custom_attrs=controls.ONCE_LEAVING,
    )


def _next() -> rx.Component:
    """Where to go after signing in; the relay accepts only addresses of our own."""
    return rx.cond(
        query("next") != "",
        rx.el.input(type="hidden", name="next", value=query("next"), read_only=True),
        rx.fragment(),
    )


def _error() -> rx.Component:
    message = rx.match(query("error"), *ERRORS.items(), OTHER_ERROR)
    return rx.cond(
        query("error") != "",
        rx.el.p(message, role="alert", class_name="rounded-lg bg-bad-soft text-bad text-sm px-3 py-2 mb-4"),
    )


def _without_script() -> rx.Component:
    """Without script the page cannot know which step it is on, so it offers the second one too."""
    return rx.el.noscript(
        Form.create(
            rx.el.p("Already have a code?", class_name=f"{theme.HEADING} mb-3"),
            rx.el.label("Code", html_for="code-again", class_name=theme.LABEL),
            rx.el.input(
                id="code-again",
                name="code",
                required=True,
                auto_complete="one-time-code",
                class_name=theme.LARGE_FIELD,
            ),
            rx.el.button("Sign in", type="submit", class_name=theme.PRIMARY),
            action="/api/auth/verify",
            method="post",
            class_name="mt-6 pt-6 border-t border-line",
        ),
    )
