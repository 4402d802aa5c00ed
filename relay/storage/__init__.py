"""Files that people keep, and what that costs them: uploads, deletions that can be undone, and byte-seconds.

`rows` says what an account keeps, `uploading` brings content in and out, `metering` makes hours into money, `sweeping`
is the clock's part, `checking` compares rows with the store.
"""

from relay.storage.checking import Compared, Missing, compare, mend
from relay.storage.house import MB, UNDO, UNPAID, UPLOAD_SECONDS, WARNED, Storehouse, month_price, refuse_to_store
from relay.storage.kinds import SHOWN, UNKNOWN
from relay.storage.listing import Listed, archived, listed, names_of
from relay.storage.metering import book, book_all
from relay.storage.names import asset_name
from relay.storage.rows import Bounds, Fits, Space, delete, deleted, find, kept_of, put_back
from relay.storage.sweeping import purge, tick
from relay.storage.uploading import Stored, bounds_of, fetch, store, too_large

__all__ = [
    "MB",
    "SHOWN",
    "UNDO",
    "UNKNOWN",
    "UNPAID",
    "UPLOAD_SECONDS",
    "WARNED",
    "Bounds",
    "Compared",
    "Fits",
    "Listed",
    "Missing",
    "Space",
    "Stored",
    "Storehouse",
    "archived",
    "asset_name",
    "book",
    "book_all",
    "bounds_of",
    "compare",
    "delete",
    "deleted",
    "fetch",
    "find",
    "kept_of",
    "listed",
    "mend",
    "month_price",
    "names_of",
    "purge",
    "put_back",
    "refuse_to_store",
    "store",
    "tick",
    "too_large",
]
