"""People: sign-in codes, sessions, bearer tokens, API keys, and who a request comes from.

Every secret is random, told once, and kept as a hash; a sign-in code has too few values for that and is kept
as an HMAC.
"""

from relay.accounts.addresses import address_tag, normalise_code, normalise_email
from relay.accounts.codes import (
    Browser,
    CodeAnswer,
    MailedCode,
    NewSession,
    pending_email,
    request_code,
    verify_code,
)
from relay.accounts.identity import (
    Credential,
    Identity,
    credential_from_headers,
    identify,
    is_still_valid,
    recognise,
)
from relay.accounts.keys import KeyRow, create_key, list_keys, revoke_key
from relay.accounts.mail_stops import Stop, allow_mail, mail_stop, stop_mail
from relay.accounts.people import Person, account_for, find_account
from relay.accounts.sessions import (
    NewToken,
    SessionRow,
    end_all_sessions,
    end_session,
    list_sessions,
    make_token,
)
from relay.accounts.sweeping import forget_expired

__all__ = [
    "Browser",
    "CodeAnswer",
    "Credential",
    "Identity",
    "KeyRow",
    "MailedCode",
    "NewSession",
    "NewToken",
    "Person",
    "SessionRow",
    "Stop",
    "account_for",
    "address_tag",
    "allow_mail",
    "create_key",
    "credential_from_headers",
    "end_all_sessions",
    "end_session",
    "find_account",
    "forget_expired",
    "identify",
    "is_still_valid",
    "list_keys",
    "list_sessions",
    "mail_stop",
    "make_token",
    "normalise_code",
    "normalise_email",
    "pending_email",
    "recognise",
    "request_code",
    "revoke_key",
    "stop_mail",
    "verify_code",
]
