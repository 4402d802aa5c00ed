"""People: sign-in codes, sessions, bearer tokens, API keys, and who a request comes from.

Every secret is random, told once, and kept as a hash; a sign-in code has too few values for that and is kept
as an HMAC.
"""

from relay.accounts.addresses import address_tag, normalise_code, normalise_email
from relay.accounts.bearers import NewToken, make_token, renew_token
from relay.accounts.closing import Closed, Owed, close_account, owed, request_closing
from relay.accounts.codes import (
    Browser,
    CodeAnswer,
    MailedCode,
    NewSession,
    pending_email,
    request_code,
    verify_code,
)
from relay.accounts.exporting import Progress, archive, begin_export, last_export
from relay.accounts.identity import (
    Credential,
    Identity,
    Whereabouts,
    cookie_value,
    cookies_of,
    credential_from_headers,
    identify,
    is_still_valid,
    recognise,
)
from relay.accounts.keys import KEYS_MAX, KeyRow, cap_key, create_key, list_keys, rename_key, revoke_key
from relay.accounts.mail_stops import Stop, allow_mail, mail_stop, stop_mail
from relay.accounts.moving import MoveCodes, Moved, cancel_move, confirm_move, pending_move, request_move
from relay.accounts.people import Person, account_for, find_account
from relay.accounts.preferences import Preferences, locales, preferences_of, set_preferences, time_zones
from relay.accounts.sessions import SessionRow, end_all_sessions, end_session, list_sessions
from relay.accounts.sweeping import forget_expired

__all__ = [
    "KEYS_MAX",
    "Browser",
    "Closed",
    "CodeAnswer",
    "Credential",
    "Identity",
    "KeyRow",
    "MailedCode",
    "MoveCodes",
    "Moved",
    "NewSession",
    "NewToken",
    "Owed",
    "Person",
    "Preferences",
    "Progress",
    "SessionRow",
    "Stop",
    "Whereabouts",
    "account_for",
    "address_tag",
    "allow_mail",
    "archive",
    "begin_export",
    "cancel_move",
    "cap_key",
    "close_account",
    "confirm_move",
    "cookie_value",
    "cookies_of",
    "create_key",
    "credential_from_headers",
    "end_all_sessions",
    "end_session",
    "find_account",
    "forget_expired",
    "identify",
    "is_still_valid",
    "last_export",
    "list_keys",
    "list_sessions",
    "locales",
    "mail_stop",
    "make_token",
    "normalise_code",
    "normalise_email",
    "owed",
    "pending_email",
    "pending_move",
    "preferences_of",
    "recognise",
    "rename_key",
    "renew_token",
    "request_closing",
    "request_code",
    "request_move",
    "revoke_key",
    "set_preferences",
    "stop_mail",
    "time_zones",
    "verify_code",
]
