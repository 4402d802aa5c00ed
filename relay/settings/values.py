"""What the value of a setting may be. ValueError, in words that end "expected …", for what it may not."""

from urllib.parse import urlsplit

UNSAFE_IN_ORIGINS = "/?#@*\\"


def address(value: str | None) -> str | None:
    value = value.rstrip("/") if value else value
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("an address that begins with http:// or https://")
    return value


def own_origin(value: str) -> str:
    return origin(value) if value else value


def origins(value: str) -> str:
    return ",".join(origin(part.strip()) for part in value.split(",") if part.strip())


def origin(value: str) -> str:
    """`scheme://host[:port]`, as browsers send it; ValueError on anything that no browser ever sends."""
    value = value.rstrip("/").lower()
    scheme, _, rest = value.partition("://")
    try:
        parts = urlsplit(value)
        good = scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or any(letter in rest for letter in UNSAFE_IN_ORIGINS):
        raise ValueError("an origin: https://HOST, without a path")
    return value


def database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError("sqlite:///FILE or postgresql://USER@HOST/NAME")
    return value


def redis(value: str | None) -> str | None:
    if value and not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("redis://HOST:PORT/0")
    return value


def storage(value: str) -> str:
    scheme, _, rest = value.rstrip("/").partition("://")
    if scheme not in ("file", "s3") or not rest.strip("/"):
        raise ValueError("file://FOLDER or s3://BUCKET")
    return f"{scheme}://{rest}"
