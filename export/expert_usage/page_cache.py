"""Puts a file into the page cache the way a phone's holds it."""

import os
from pathlib import Path

_READ_BYTES = 1 << 20


def fill_with_single_pages(path: Path) -> None:
    """Drops a file from the page cache and reads it again as pages of 4 KB.

    Files that were just written, or read ahead, may be cached in folios of up to 2 MB, which newer kernels (Linux 6.18)
    map as a whole on one fault: then RssFile says how the file was written, not what the model read. Reading
    without read-ahead leaves single pages, as the kernels of today's phones do.
    """
    with path.open("rb", buffering=0) as file:
        descriptor = file.fileno()
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        buffer = bytearray(_READ_BYTES)
        while file.readinto(buffer):
            pass
