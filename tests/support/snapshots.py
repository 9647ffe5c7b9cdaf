"""Snapshots of sessions whose content was changed."""

from __future__ import annotations

import struct
import zlib

_SUM_AT, _CHECKED_FROM = 12, 16


def resealed(file: bytes) -> bytes:
    """With the size and the sum that belong to the content, as zlib computes it."""
    sized = file[:_CHECKED_FROM] + struct.pack("<Q", len(file)) + file[_CHECKED_FROM + 8 :]
    return sized[:_SUM_AT] + struct.pack("<I", zlib.crc32(sized[_CHECKED_FROM:])) + sized[_CHECKED_FROM:]
