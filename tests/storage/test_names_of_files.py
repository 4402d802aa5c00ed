"""What a file may be called, and how the same name is known again."""

from pathlib import Path

import pytest

from relay import storage
from relay.errors import BadInput
from tests.fixtures.front_door import front_door

UNNAMED = (
    "",
    "a/b",
    "../a",
    "/etc/passwd",
    "a\\b",
    "a\0b",
    "a\nb",
    "..",
    ".env",
    "a.",
    " a",
    "a ",
    "a" * 256,
    "é" * 128,
)
UNSEEN = ("a\u202eb", "a\ufeff", "\u200b", "a\ud800", "a\ufffd", "a\u2028b", "x" * 4096)
RESERVED = ("con", "NUL.txt", "com1", "Lpt9.woff2", "aux")


def test_names_that_are_none_are_refused_and_the_same_name_is_the_same() -> None:
    for name in (*UNNAMED, *UNSEEN, *RESERVED):
        with pytest.raises(BadInput):
            storage.asset_name(name)
    for name in ("é" * 127, "Inter (1).woff2", "console.ttf", "字体.otf", "a..b", "null"):
        assert storage.asset_name(name) == name
    assert storage.asset_name("e\u0301.ttf") == "\u00e9.ttf"


async def test_the_route_says_why_a_name_is_none(sqlite_url: str) -> None:
    async with front_door(sqlite_url, SIGN_UP_GRANT_USD="5") as door:
        anna = await door.signed_in("anna@example.com")
        for name in ("%2e%2e%2fa", "a%2fb", "a%00b", "%ff", "", "x" * 4096, "%2fetc%2fpasswd", "CON"):
            for method in ("PUT", "GET", "DELETE"):
                answer = await anna.request(method, f"/api/assets/{name}", content=b"x")
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), name
        assert not [path for path in (door.settings.assets_folder or Path()).glob("**/*") if path.is_file()]
