"""Compiled templates, kept between builds: compiling those of the theme takes a sixth of one."""

from __future__ import annotations

from importlib.metadata import version

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from virtdocs.cache.exhibits import digest
from virtdocs.cache.store import Store


class Templates(BytecodeCache):
    """Jinja's cache of byte code, in the store of the exhibits.

    Jinja compares the source of a template and the version of Python by itself; an entry of
    the store is whole or not there, which the cache in files that Jinja has does not promise.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, if its template has been kept."""
        kept = self.store.get(_key(bucket))
        if isinstance(kept, bytes):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template that has just been compiled."""
        self.store.put(_key(bucket), bucket.bytecode_to_string())


def _key(bucket: Bucket) -> str:
    return digest("template", version("jinja2"), bucket.key, bucket.checksum)
