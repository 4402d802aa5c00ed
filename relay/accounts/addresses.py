"""What people type, made one: e-mail addresses and codes."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from relay.accounts.secrets import seal
from relay.errors import BadInput, CodeInvalid
from relay.settings import Settings

EMAIL_LENGTH_MAX = 254
CODE_LENGTH = 6
CODE_TYPED_MAX = 64


def normalise_email(typed: object) -> str:
    """One spelling of one address: NFC, lower case, the domain in its ASCII (IDNA) form. BadInput for
    anything else.

    No DNS is asked: a lookup would make the answer's time tell something about the address.
    """
    if not isinstance(typed, str) or len(typed) > EMAIL_LENGTH_MAX + 2:
        raise BadInput("Give one e-mail address, such as you@example.com.")
    try:
        # The sandbox's people live at .test, which no real mail server serves; nothing else is loosened by
        # it.
        # Strict is no more than the 64 letters before the @, beyond which no server takes mail (RFC 5321, 4.5.3.1.1).
        found = validate_email(typed.strip(" "), check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        raise BadInput("This is not an e-mail address. Give one, such as you@example.com.") from None
    return f"{unicodedata.normalize('NFC', found.local_part.lower())}@{found.ascii_domain.lower()}"


def normalise_code(typed: object) -> str:
    """The one rule: white space and dashes go, any script's decimal digits become ASCII, six must remain.

    BadInput when it is not text (a JSON number has lost its zeros); CodeInvalid when six digits do not
    remain.
    """
    if not isinstance(typed, str):
        raise BadInput("The code is a string of six digits.")
    if len(typed) > CODE_TYPED_MAX:
        raise CodeInvalid()
    kept = [c for c in typed if not c.isspace() and unicodedata.category(c) != "Pd"]
    digits = [unicodedata.decimal(c, None) for c in kept]
    if len(digits) != CODE_LENGTH or None in digits:
        raise CodeInvalid()
    return "".join(map(str, digits))


def address_tag(settings: Settings, email: str) -> str:
    """Stands for an address in the log: the same for the same address, and no way back without SECRET_KEY."""
    return seal(settings, "address in logs", email)[:16]
