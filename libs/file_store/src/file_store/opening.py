"""Open the store that the settings name."""

from actor_kit.bus import Bus

from file_store.nats_store import NatsFileStore
from file_store.s3_store import S3FileStore
from file_store.settings import FileStoreSettings
from file_store.store import FileStore


def open_file_store(settings: FileStoreSettings, bus: Bus) -> FileStore:
    """The file store of a service. It holds no connection of its own but the bus."""
    return NatsFileStore(bus) if settings.file_store_url == "nats" else S3FileStore.open(settings)
