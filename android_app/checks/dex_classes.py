"""Checks that the dex files of an APK have every class of some jars.

    python dex_classes.py app.apk JAR...

Reads the tables of a dex file as Android's documentation of the format lays them out: header, string_ids, type_ids,
class_defs.
"""

from __future__ import annotations

import struct
import sys
import zipfile


def uleb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def classes(dex: bytes) -> set[str]:
    """The classes that a dex file defines, as paths: `org/mmoe/Model`."""
    if dex[:4] != b"dex\n":
        raise ValueError("no dex file")
    strings_at, types_at, (count, defined_at) = (
        struct.unpack_from("<I", dex, 0x3C)[0],
        struct.unpack_from("<I", dex, 0x44)[0],
        struct.unpack_from("<II", dex, 0x60),
    )
    found = set()
    for index in range(count):
        (kind,) = struct.unpack_from("<I", dex, defined_at + 32 * index)
        (string,) = struct.unpack_from("<I", dex, types_at + 4 * kind)
        (data,) = struct.unpack_from("<I", dex, strings_at + 4 * string)
        _, start = uleb128(dex, data)
        descriptor = dex[start : dex.index(0, start)].decode()
        found.add(descriptor[1:-1])
    return found


def main() -> int:
    with zipfile.ZipFile(sys.argv[1]) as apk:
        there = set().union(*(classes(apk.read(name)) for name in apk.namelist() if name.endswith(".dex")))
    expected = set()
    for jar in sys.argv[2:]:
        with zipfile.ZipFile(jar) as archive:
            expected |= {
                name.removesuffix(".class") for name in archive.namelist() if name.endswith(".class")
            }
    missing = sorted(expected - there)
    print(
        f"-- {len(expected - set(missing))} of {len(expected)} classes of ours in the dex, {len(there)} in all"
    )
    print(*missing, sep="\n", end="\n" if missing else "")
    return 1 if missing else 0


sys.exit(main())
