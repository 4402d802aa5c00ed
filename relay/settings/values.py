"""What the value of a setting may be. ValueError, in words that end "expected …", for what it may not."""

import re
from urllib.parse import urlsplit

SAFE_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", re.ASCII)
"""What a browser sends of a host: in small letters, with what is outside ASCII as `xn--…`."""

OWN_PORTS = {"http": ":80", "https": ":443"}
"""A browser never sends them: an origin that names one would be nobody's."""


def address(value: str | None) -> str | None:
    value = value.rstrip("/") if value else value
    if value and not (value.startswith(("http://", "https://")) and _leads_somewhere(value)):
        raise ValueError("an address that begins with http:// or https://, with a host, and no `?` or `#`")
    return value


def _leads_somewhere(value: str) -> bool:
    """What is put behind an address would be lost in a query."""
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0 and not {"?", "#"} & set(value)
    except ValueError:
        return False


def own_origin(value: str) -> str:
    return origin(value) if value else value


def origins(value: str) -> str:
    return ",".join(origin(part.strip()) for part in value.split(",") if part.strip())


def origin(value: str) -> str:
    """`scheme://host[:port]`, as browsers send it; ValueError on anything that no browser ever sends."""
    value = value.rstrip("/").lower()
    scheme, _, rest = value.partition("://")
    rest = rest.removesuffix(OWN_PORTS.get(scheme, ""))
    host, colon, port = rest.partition(":") if not rest.startswith("[") else _of_ipv6(rest)
    good = scheme in OWN_PORTS and SAFE_HOST.fullmatch(host) and bool(colon) == _is_port(port)
    if not good:
        raise ValueError("an origin: https://HOST, without a path, and with xn--… for letters outside ASCII")
    return f"{scheme}://{rest}"


def _of_ipv6(rest: str) -> tuple[str, str, str]:
    host, bracket, port = rest.partition("]")
    return host + bracket, port[:1], port[1:]


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65535


def database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError("sqlite:///FILE or postgresql://USER@HOST/NAME")
    if not value.startswith("sqlite:"):
        _refuse_unless_read(value)
    return value


def _refuse_unless_read(url: str) -> None:
    # Whoever reads settings and has no PostgreSQL need not wait for it.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        port = make_url(url).port
    except (ArgumentError, ValueError) as error:
        raise ValueError("postgresql://USER@HOST:PORT/NAME; what is odd in a password is written as %40") from error
    if port is not None and not _is_port(str(port)):
        raise ValueError("a port from 1 to 65535 in postgresql://USER@HOST:PORT/NAME")


def redis(value: str | None) -> str | None:
    if value and not (value.startswith("unix://") or _is_redis(value)):
        raise ValueError("redis://HOST:PORT/0")
    return value


def _is_redis(value: str) -> bool:
    """Its own driver takes any word after the slash for database 0, which may be another product's."""
    try:
        parts = urlsplit(value)
        return parts.scheme in ("redis", "rediss") and parts.port != 0 and not parts.path.strip("/0123456789")
    except ValueError:
        return False


def storage(value: str) -> str:
    scheme, _, rest = value.rstrip("/").partition("://")
    if scheme not in ("file", "s3") or not rest.strip("/"):
        raise ValueError("file://FOLDER or s3://BUCKET")
    return f"{scheme}://{rest}"
