"""Where the bytes of attachments lie, and what they are: one interface over NATS's object store, or any S3."""

from file_store.opening import open_file_store
from file_store.settings import FileStoreSettings
from file_store.store import BytesRange, FileStore, StoredFile, UploadAddress

__all__ = ["BytesRange", "FileStore", "FileStoreSettings", "StoredFile", "UploadAddress", "open_file_store"]
