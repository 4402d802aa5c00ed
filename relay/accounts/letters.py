"""The sign-in mail, in text and HTML. Everything in it comes from settings, our own lists of words, and the
code.
"""

from datetime import datetime
from html import escape
from urllib.parse import urlsplit

from relay.accounts.codes import MailedCode
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
