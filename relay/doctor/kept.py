"""The disk on which settlements wait for a database that is away."""

import asyncio
from pathlib import Path

from relay.doctor.findings import Finding, judged
from relay.settings import Settings
from relay.settling.keeping import SET_ASIDE, try_out


async def check(settings: Settings) -> list[Finding]:
    return await asyncio.to_thread(_look, settings.unbooked_folder)


def _look(folder: Path) -> list[Finding]:
    unusable = _unusable(folder)
    aside = sorted(path.name for path in folder.glob(f"*{SET_ASIDE}"))
    found = f"{folder}, which cannot be used: {unusable}" if unusable else f"{folder}"
    fix = "Mount a disk there that outlives the server, with room on it, or set UNBOOKED_DIR."
    read = f"See docs/endings.md: correct the calls in {folder}, then delete the files."
    return [
        judged(not unusable, "unbooked: folder", found, "a folder to write to", fix),
        judged(not aside, "unbooked: set aside", ", ".join(aside) or "nothing", "nothing", read),
    ]


def _unusable(folder: Path) -> str:
    """Why, or nothing. A folder that is not there yet is left to the server, whose own it must be."""
    try:
        try_out(next(place for place in (folder, *folder.parents) if place.exists()))
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
