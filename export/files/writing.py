"""Writing files so that a full disk or an interruption leaves no half of one."""

import errno
import hashlib
import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeGuard
from uuid import uuid4

from mmoe.backends.errors import ArtifactError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def free_bytes(folder: Path) -> int:
    """Bytes free for this user on the file system of `folder` or of its nearest existing parent."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encoded(text: str) -> bytes:
    """A text in UTF-8; bytes of a file's name that are none, which Python keeps as surrogates, become escapes."""
    return text.encode("utf-8", "backslashreplace")


def sync(path: Path) -> None:
    """Forces a file's data, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def has_no_room(error: BaseException | None) -> TypeGuard[OSError]:
    """Whether an exception says that there is no room: full disk, quota, or file-size limit."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def no_room_error(folder: Path, error: OSError, *, written: int | None = None) -> ArtifactError:
    """The one message about such an exception, with its figures."""
    progress = "" if written is None else f" after {written:,} bytes"
    if error.errno == errno.EDQUOT:
        return ArtifactError(
            f"{folder}: the disk quota is used up{progress}; free some space or choose another folder"
        )
    if error.errno == errno.EFBIG:
        largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        limit = "the file system holds no larger file; choose another folder"
        if largest != resource.RLIM_INFINITY:
            limit = f"this process may write files of {largest:,} bytes at most; raise that (ulimit -f)"
        return ArtifactError(f"{folder}: a file became too large{progress}: {limit}")
    return ArtifactError(
        f"{folder}: the disk is full{progress}: {free_bytes(folder):,} bytes are free; "
        "free some space or choose another folder"
    )


@contextmanager
def explained_write_errors(folder: Path) -> Iterator[None]:
    """Turns an OSError of a write under `folder` into one clear ArtifactError."""
    try:
        yield
    except OSError as error:
        if has_no_room(error):
            raise no_room_error(folder, error) from error
        raise ArtifactError(f"{folder}: cannot be written: {error.strerror} ({error.filename})") from error


def partial_name_bytes(name: str) -> int:
    """Bytes of the name under which `write_file` and `replace_texts` prepare a file."""
    return len(os.fsencode(_partial(Path(name)).name))


def write_file(path: Path, content: bytes) -> None:
    """Writes a file completely or not at all; folders that are missing are made.

    Args:
        path: the file, which is replaced if it is there.
        content: its bytes.

    Raises:
        ArtifactError: it cannot be written; what was there is then as it was.
    """
    temporary = _partial(path)
    with explained_write_errors(path.parent), new_parents(path):
        try:
            temporary.write_bytes(content)
            sync(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_parents(path: Path) -> Iterator[None]:
    """Makes the folders above a path that are missing; if the block fails, those that are still empty go again.

    Raises:
        OSError: one cannot be made.
    """
    made: list[Path] = []
    try:
        for folder in reversed([folder for folder in path.parents if not folder.exists()]):
            folder.mkdir()
            made.append(folder)
        yield
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def replace_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Rewrites files of a folder; all new texts are on the disk before the first old one is replaced.

    Args:
        folder: an existing folder.
        texts: file name to new text.

    Raises:
        ArtifactError: a file cannot be written; all files are then as they were.
    """
    temporary = {name: _partial(folder / name) for name in texts}
    try:
        with explained_write_errors(folder):
            for name, path in temporary.items():
                path.write_bytes(encoded(texts[name]))
                sync(path)
            for name, path in temporary.items():
                os.replace(path, folder / name)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
