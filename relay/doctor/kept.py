"""The disk on which settlements wait for a database that is away."""

import asyncio
import os
from pathlib import Path

from relay.doctor.findings import Finding, judged
from relay.keeping import SET_ASIDE
from relay.settings import Settings


async def check(settings: Settings) -> list[Finding]:
    return await asyncio.to_thread(_look, settings.unbooked_folder)


def _look(folder: Path) -> list[Finding]:
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    usable = nearest.is_dir() and os.access(nearest, os.W_OK)
    aside = sorted(path.name for path in folder.glob(f"*{SET_ASIDE}"))
    found = f"{folder}" if usable else f"{folder}, which cannot be written to"
    fix = "Mount a disk there that outlives the server, or set UNBOOKED_DIR."
    read = f"See docs/endings.md: correct the calls in {folder}, then delete the files."
    return [
        judged(usable, "unbooked: folder", found, "a folder to write to", fix),
        judged(not aside, "unbooked: set aside", ", ".join(aside) or "nothing", "nothing", read),
    ]
