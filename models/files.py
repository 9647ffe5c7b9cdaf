"""Reads files of a folder that somebody else filled, where absent is one thing and unreadable another."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file, or of a link to one; a pipe or a device is refused instead of waited for.

    Raises:
        FileNotFoundError: there is nothing of that name. A link to nothing is another error, because somebody meant
            the file to be there.
        OSError: it cannot be read; the message says why.
    """
    os.lstat(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise OSError(f"is a link to {os.readlink(path)}, which does not exist") from None
    if stat.S_ISDIR(mode):
        raise OSError("is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise OSError("is not a regular file")
    return path.read_bytes()


def is_absent(path: Path) -> bool:
    """Whether there is nothing of that name, not even a link to nothing."""
    return not os.path.lexists(path)
