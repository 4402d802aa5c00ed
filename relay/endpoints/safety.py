"""The headers that every answer of the API carries, so that no browser makes more of it than data."""

SAFETY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
)
"""Browsers heed the last one over https only, so plain http on loopback is not harmed by it."""
