"""Whether a folder or a file can be made somewhere, told before the work that fills it."""

from __future__ import annotations

import os
from pathlib import Path

from mmoe.backends.errors import ArtifactError
from mmoe.export.files.scratch import scratch_name_bytes
from mmoe.export.files.writing import partial_name_bytes

# Of every file system that is in use; those that tell another number tell a larger one.
_NAME_BYTES = 255


def require_place(target: str | Path, *, scratch_suffix: str = "") -> Path:
    """The absolute path of a folder to be made, its links followed; nothing is written.

    Args:
        target: The folder.
        scratch_suffix: How the name of the hidden folder beside it ends, in which it is prepared.

    Raises:
        ArtifactError: The system allows no such path, or nothing can be written there.
    """
    path = _resolved(target)
    _require_room(target, path, scratch_name_bytes(f".{path.name}.", scratch_suffix))
    return path


def require_file_place(target: Path) -> Path:
    """The absolute path of a file to be written or replaced, its links followed; nothing is written.

    Args:
        target: The file.

    Raises:
        ArtifactError: The system allows no such path, something is there that is no file, or nothing can be written
            there.
    """
    path = _resolved(target)
    if path.exists() and not path.is_file():
        # A device or a pipe, too, would be replaced by a file of its name.
        raise ArtifactError(f"{target}: is there and is no regular file; choose another name")
    _require_room(target, path, partial_name_bytes(path.name))
    return path


def _resolved(target: str | Path) -> Path:
    try:
        path = Path(target).resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long; a loop of links; a NUL character
        reason = getattr(error, "strerror", None) or str(error)
        raise ArtifactError(
            f"{target}: is not a path that the system allows ({reason}); choose another"
        ) from error
    return path


def _require_room(target: str | Path, path: Path, name_bytes: int) -> None:
    """Looks at the longest name that the work makes there, and at the folder that it makes it in."""
    if name_bytes > _NAME_BYTES:
        raise ArtifactError(f"{target}: its name is too long; choose a shorter one")
    parent = next(folder for folder in path.parents if os.path.lexists(folder))
    if not parent.is_dir():
        raise ArtifactError(f"{target}: {parent} is not a folder; choose another place")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ArtifactError(f"{target}: cannot be written, since {parent} is read-only; choose another place")
