"""Our mails about an account, in text and HTML. Everything in them comes from settings, our own lists of words,
codes, and addresses that were normalised.
"""

from datetime import datetime
from html import escape
from urllib.parse import urlsplit

from relay import clock
from relay.accounts.closing import Closed
from relay.accounts.codes import MailedCode
from relay.accounts.moving import Moved
from relay.gateways.mail import Message
from relay.settings import Settings

_TEXT = """\
Your sign-in code for {site} is:

    {code}

It works for 10 minutes, once, and only in the browser that asked for it.

Asked for at {site} from {device}, {at}.
If this was not you, ignore this mail: nobody can sign in without the code. Never tell it to anyone.
"""

_HTML = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{code} is your sign-in code</title></head>
<body style="margin:0;padding:32px 16px;font:16px/1.5 system-ui,sans-serif;color:#1c1c1e;background:#ffffff">
<div style="max-width:440px;margin:0 auto">
<p style="margin:0 0 16px">Your sign-in code for {site}:</p>
<p style="margin:0 0 16px;font:600 32px/1.25 ui-monospace,monospace;letter-spacing:4px">{code}</p>
<p style="margin:0 0 24px">It works for 10 minutes, once, and only in the browser that asked for it.</p>
<p style="margin:0;padding-top:16px;border-top:1px solid #e5e5ea;font-size:14px;color:#5c5c61">
Asked for at <a href="{origin}" style="color:inherit">{site}</a> from {device}, {at}.<br>
If this was not you, ignore this mail: nobody can sign in without the code. Never tell it to anyone.</p>
</div></body></html>
"""


_NOTE_TEXT = """\
{title}

{words}

{site}, {at}.
"""

_NOTE_HTML = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="margin:0;padding:32px 16px;font:16px/1.5 system-ui,sans-serif;color:#1c1c1e;background:#ffffff">
<div style="max-width:440px;margin:0 auto">
<p style="margin:0 0 16px;font-weight:600">{title}</p>
{code}<p style="margin:0 0 24px">{words}</p>
<p style="margin:0;padding-top:16px;border-top:1px solid #e5e5ea;font-size:14px;color:#5c5c61">
<a href="{origin}" style="color:inherit">{site}</a>, {at}.</p>
</div></body></html>
"""

_CODE_HTML = """\
<p style="margin:0 0 16px;font:600 32px/1.25 ui-monospace,monospace;letter-spacing:4px">{code}</p>
"""

_ONLY_THERE = "It works for 10 minutes, once, and only in the browser that asked for it. Never tell it to anyone."
_ASKED = {
    "move-from": "{code} is your code to change your email",
    "move-to": "{code} is your code to use this email",
    "close": "{code} is your code to delete your account",
}
_MEANING = {
    "move-from": "Somebody who is signed in to your account wants to give it another email address. " + _ONLY_THERE
    + " If this was not you, sign out everywhere on your account page.",
    "move-to": "Somebody wants this to be the email address of their account. " + _ONLY_THERE
    + " If this was not you, ignore this mail: nothing changes without the code.",
    "close": "Somebody who is signed in to your account wants to delete it. " + _ONLY_THERE
    + " If this was not you, sign out everywhere on your account page.",
}  # fmt: skip


def code_mail(settings: Settings, mailed: MailedCode, purpose: str, about: str) -> Message:
    """The mail that carries a code for something else than signing in: `move-from`, `move-to`, `close`."""
    title = _ASKED[purpose].format(code=mailed.code)
    return _note(settings, mailed.email, title, _MEANING[purpose], mailed.key, about, mailed.code)


def moved_mails(settings: Settings, moved: Moved) -> tuple[Message, Message]:
    """To both addresses: the old one learns of it even if somebody else reads the new one."""
    title = "Your email address was changed"
    words = (
        f"The account of {moved.old_email} is now that of {moved.new_email}. "
        "If this was not you, answer this mail at once."
    )
    key = f"moved-{moved.account_id}-{int(clock.now().timestamp())}"
    old, new = (
        _note(settings, email, title, words, f"{key}-{side}", f"{key}-{side}")
        for side, email in (("old", moved.old_email), ("new", moved.new_email))
    )
    return old, new


def closed_mail(settings: Settings, closed: Closed) -> Message:
    """The last mail to somebody who deleted their account."""
    words = (
        "Your sessions and keys have ended, and your address is no longer with us. What was used and paid stays in our"
        " books under a number that is nobody's, as the law asks. Whoever signs in with this address begins anew."
    )
    key = f"closed-{closed.account_id}"
    return _note(settings, closed.email, "Your account was deleted", words, key, key)


def _note(
    settings: Settings, to: str, title: str, words: str, key: str, about: str, code: str = ""
) -> Message:  # fmt: skip
    site = urlsplit(settings.ACCOUNT_ORIGIN).netloc
    told = {"title": title, "words": words, "site": site, "at": _plain(clock.now())}
    in_html = {name: escape(word) for name, word in (told | {"origin": settings.ACCOUNT_ORIGIN}).items()}
    shown = _CODE_HTML.format(code=escape(code)) if code else ""
    return Message(to, title, _NOTE_TEXT.format(**told), _NOTE_HTML.format(**in_html, code=shown), key, about)


def sign_in_mail(settings: Settings, mailed: MailedCode, device: str, about: str) -> Message:
    """The mail that carries a code. `about` names the address in the log without telling it."""
    site = urlsplit(settings.ACCOUNT_ORIGIN).netloc
    words = {"site": site, "origin": settings.ACCOUNT_ORIGIN, "code": mailed.code, "device": device}
    words["at"] = _plain(mailed.at)
    return Message(
        to=mailed.email,
        subject=f"{mailed.code} is your sign-in code for {site}",
        text=_TEXT.format(**words),
        html=_HTML.format(**{name: escape(word) for name, word in words.items()}),
        key=mailed.key,
        about=about,
    )


def _plain(moment: datetime) -> str:
    """`24 November 2026, 10:05 UTC`."""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
