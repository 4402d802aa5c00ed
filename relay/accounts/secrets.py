"""Random secrets, their hashes, and keys derived from SECRET_KEY: one key a purpose, so no two can be
confused.
"""

import hashlib
import hmac
import secrets

from relay.settings import Settings


def new_secret(prefix: str = "") -> str:
    """256 random bits as 43 URL-safe characters, after `prefix`."""
    return prefix + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """SHA-256 in hex: enough for 256 random bits, which nobody can try out. Never for a code."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_code() -> str:
    """Six decimal digits, leading zeros kept."""
    return f"{secrets.randbelow(1_000_000):06d}"


def seal(settings: Settings, purpose: str, *parts: str) -> str:
    """HMAC-SHA256 in hex of `parts` under a key that serves `purpose` alone. Misconfigured without
    SECRET_KEY.
    """
    key = hmac.digest(settings.secret("SECRET_KEY").encode(), purpose.encode(), "sha256")
    return hmac.digest(key, "\0".join(parts).encode(), "sha256").hex()
