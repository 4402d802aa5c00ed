"""The store of people's files: there, writable, and with what the rows tell of."""

from sqlalchemy.exc import SQLAlchemyError

from relay import pricing, storage
from relay.database import Database
from relay.database.revisions import current_revision, head_revision
from relay.doctor.findings import Finding, judged, ok, warning, wrong
from relay.gateways.objects import StoreAway, open_objects
from relay.settings import Settings
from relay.storage import Storehouse


async def check(settings: Settings) -> list[Finding]:
    objects = open_objects(settings)
    try:
        found = ok("storage", await objects.check())
    except StoreAway as error:
        return [wrong("storage", error.message, "a store to write to", "Look at STORAGE_URL, and the AWS_ names.")]
    try:
        if current_revision(settings) != head_revision():
            return [found]
    except SQLAlchemyError:
        # The database has a line of its own.
        return [found]
    database = Database(settings.database_url, checkpoints=False)
    try:
        prices = await database.read(pricing.current)
        return [found, *await _compared(Storehouse(database, objects, settings, prices))]
    finally:
        database.close()


async def _compared(house: Storehouse) -> list[Finding]:
    found = await storage.compare(house)
    fix = "Put the store back from its copy; `account-app storage` names them. See docs/operating.md."
    lost = judged(not found.lost, "storage: files", f"{len(found.lost)} of {found.files} lost", "all there", fix)
    if not found.strays:
        return [lost]
    fix = "After a restore put a newer database back; else `account-app storage --mend` takes them away."
    return [lost, warning("storage: strays", f"{len(found.strays)} that no file is made of", "none", fix)]
