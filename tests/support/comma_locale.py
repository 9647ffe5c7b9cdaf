"""A locale whose decimal point is a comma, in the files of glibc; machines need not have one installed."""

from __future__ import annotations

import struct
from pathlib import Path

NAME = "comma"
_NUMERIC = 1  # LC_NUMERIC's place among the categories of glibc's <locale.h>
_MAGIC = 0x20031115 ^ _NUMERIC


def write_comma_locale(folder: Path) -> None:
    """Writes the category LC_NUMERIC of a locale into a folder that is to be `LOCPATH`."""
    fields = [
        b",\0",
        b"\0",
        b"\x7f\0",
        struct.pack("<I", ord(",")),
        struct.pack("<I", 0),
        b"UTF-8\0",
    ]
    begin = 4 * (2 + len(fields))
    offsets, body = [], b""
    for field in fields:
        body += bytes(-len(body) % 4)
        offsets.append(begin + len(body))
        body += field
    target = folder / NAME
    target.mkdir()
    header = struct.pack(f"<{2 + len(fields)}I", _MAGIC, len(fields), *offsets)
    (target / "LC_NUMERIC").write_bytes(header + body)
