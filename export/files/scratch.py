"""Hidden folders of work in progress, each with a marker in it and locked while its process lives.

No handler runs when a process is killed with SIGKILL or the machine goes down. What such a run leaves behind is as
large as a model; the next run of the same kind removes it. The marker tells such a folder from one of the user's that
happens to have the same name, and the lock tells whether its process lives.
"""

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from mmoe.models.files import read_regular
from mmoe.models.json_text import parse_json

MARKER = ".mmoe-scratch.json"
_FORMAT = "mmoe-export work in progress"
_RANDOM = 8


def scratch_name_bytes(prefix: str, suffix: str = "") -> int:
    """Bytes of the name that `scratch_folder` gives its folder."""
    return len(os.fsencode(prefix)) + _RANDOM + len(os.fsencode(suffix))


def remove_abandoned(
    parent: Path, prefix: str, suffix: str = "", *, rescue: Callable[[Path], None] | None = None
) -> None:
    """Removes folders that `scratch_folder` made and whose processes are gone; what cannot be removed stays.

    Args:
        parent: Where they are.
        prefix: What their names begin with.
        suffix: What their names end with.
        rescue: Given each such folder before it is removed, to take out what is still of use.
    """
    for path in parent.glob(f"{glob.escape(prefix)}{'[0-9a-f]' * _RANDOM}{glob.escape(suffix)}"):
        if not _is_marked(path) or (descriptor := _lock(path)) is None:
            continue
        try:
            if rescue is not None:
                rescue(path)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


@contextmanager
def scratch_folder(parent: Path, prefix: str, suffix: str = "") -> Iterator[Path]:
    """A new folder, locked while the block runs, and removed afterwards; all that is in it is the marker.

    Args:
        parent: Where it is made.
        prefix: What its name begins with; eight hexadecimal digits follow.
        suffix: What its name ends with.

    Raises:
        OSError: It cannot be made, locked or marked.
    """
    path = parent / f"{prefix}{uuid4().hex[:_RANDOM]}{suffix}"
    path.mkdir()
    descriptor = None
    try:
        # Marked once it is locked: no other run takes it for abandoned in between.
        descriptor = _lock(path)
        if descriptor is None:
            raise BlockingIOError(None, "is locked by another process", str(path))
        marker = {"format": _FORMAT, "process": os.getpid()}
        (path / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _is_marked(path: Path) -> bool:
    """Whether `scratch_folder` made a folder, and no user did."""
    try:
        marker = parse_json(read_regular(path / MARKER))
    except (OSError, ValueError):
        return False
    return not path.is_symlink() and isinstance(marker, dict) and marker.get("format") == _FORMAT


def _lock(path: Path) -> int | None:
    """Locks a folder and returns its descriptor; None if another process has the lock or has removed the folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None
