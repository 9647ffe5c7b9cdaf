"""Hidden folders of work in progress: each is locked while its process lives, so that others know the dead ones.

No handler runs when a process is killed with SIGKILL or the machine goes down. What such a run leaves behind is as
large as a model; the next run of the same kind removes it.
"""

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_RANDOM = 8


def remove_abandoned(parent: Path, prefix: str, suffix: str = "") -> None:
    """Removes folders that `scratch_folder` made and whose processes are gone; what cannot be removed stays.

    Args:
        parent: Where they are.
        prefix: What their names begin with.
        suffix: What their names end with.
    """
    for path in parent.glob(f"{glob.escape(prefix)}{'[0-9a-f]' * _RANDOM}{glob.escape(suffix)}"):
        # Locked until it is gone: a run that has just made it then makes another one.
        if (descriptor := _lock(path)) is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)


@contextmanager
def scratch_folder(parent: Path, prefix: str, suffix: str = "") -> Iterator[Path]:
    """A new folder, locked while the block runs; it is removed afterwards if it still has its name.

    Args:
        parent: Where it is made.
        prefix: What its name begins with; eight hexadecimal digits follow.
        suffix: What its name ends with.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        path = parent / f"{prefix}{uuid4().hex[:_RANDOM]}{suffix}"
        path.mkdir()
        if (descriptor := _lock(path)) is not None:
            break
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Locks a folder and returns its descriptor; None if another process has the lock or has removed the folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None
