"""Exhibits, computed or found again: kept by the content of everything they reach.

    Cache.at(folder).build(name, params) -> Built

What an exhibit reaches is in its key, so a kept answer is the one that would be computed;
an entry that is damaged, or of files that have just been edited, counts for nothing.
Nothing relies on the cache: without one every exhibit is computed.
"""

from virtdocs.cache.exhibits import Cache, default_folder, digest

__all__ = ["Cache", "default_folder", "digest"]
