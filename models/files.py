"""Reads files of a folder that somebody else filled, where absent is one thing and unreadable another."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mmoe.runtime_bindings.python.errors import OptionError

# A tokenizer has up to 35 MB, the index of the largest models 20.
_MOST_BYTES = 128 << 20


def as_path(given: str | Path) -> Path:
    """What a user gives as a path, with the home folder in place of ``~``; nothing need be there.

    Raises:
        OptionError: the system allows no such path, or does not let this user look there.
    """
    try:
        path = Path(given).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, RuntimeError, ValueError) as error:  # too long; no such user; a NUL character
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(f"{given}: is not a path that the system allows ({reason})") from error
    return path


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file, or of a link to one; a pipe or a device is refused instead of waited for.

    Raises:
        FileNotFoundError: there is nothing of that name. A link to nothing is another error, because somebody meant
            the file to be there.
        OSError: it cannot be read, or is larger than any text beside a model's weights; the message says why.
    """
    require_regular(path)
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(f"is larger than {_MOST_BYTES >> 20} MiB")
    return data


def require_regular(path: Path) -> None:
    """Looks what is there without opening it, as opening a pipe waits for whoever writes into it.

    Raises:
        FileNotFoundError: there is nothing of that name.
        OSError: it is something else than a regular file or a link to one.
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


def leads_out_of(folder: Path, path: Path) -> bool:
    """Whether a path in a folder is, or goes through, a link to a place outside of that folder.

    The hub's cache is laid out with such links: a file of `models--OWNER--NAME/snapshots/COMMIT` is a link into
    `models--OWNER--NAME/blobs`, which counts as inside.
    """
    inside = [destination(folder)]
    if inside[0].parent.name == "snapshots":
        inside.append(inside[0].parent.parent / "blobs")
    return not any(destination(path).is_relative_to(place) for place in inside)


def destination(path: Path) -> Path:
    """Where a path leads through all of its links; of a loop of links, one of them."""
    return Path(os.path.realpath(path))


def is_absent(path: Path) -> bool:
    """Whether there is nothing of that name, not even a link to nothing."""
    return not os.path.lexists(path)
