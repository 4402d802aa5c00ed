"""Where the content of files is kept: a folder of this machine, or a bucket. Known by id alone, never by name."""

from relay.gateways.objects.bucket import Bucket
from relay.gateways.objects.folder import Folder
from relay.gateways.objects.store import Gone, Kept, Objects, StoreAway
from relay.settings import Settings

__all__ = ["Gone", "Kept", "Objects", "StoreAway", "open_objects"]


def open_objects(settings: Settings) -> Objects:
    """The store that STORAGE_URL names. Nothing is asked of it yet."""
    folder = settings.assets_folder
    return Folder(folder) if folder else Bucket(settings)
