"""What a file is, by its first bytes; and what a browser may be told that it is."""

import re

HEAD_BYTES = 16
UNKNOWN = "application/octet-stream"
_MAGIC = (
    (b"wOF2", "font/woff2"),
    (b"wOFF", "font/woff"),
    (b"OTTO", "font/otf"),
    (b"\0\1\0\0", "font/ttf"),
    (b"true", "font/ttf"),
    (b"ttcf", "font/collection"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
SHOWN = frozenset({kind for _, kind in _MAGIC} | {"image/webp"})
"""What runs nothing in any browser. All else is sent as bytes to be saved: SVG and HTML above all."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)


def kind_of(head: bytes, declared: str) -> str:
    """The media type that the first bytes show; else the one that was declared, which only our list repeats."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
    declared = declared.partition(";")[0].strip().lower()
    if found or declared in SHOWN or not _MEDIA_TYPE.fullmatch(declared):
        return found or UNKNOWN
    return declared
