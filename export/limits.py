"""The system's limits on a process, met in the middle of work: one message with the cure."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from mmoe.runtime_bindings.python.errors import OptionError

_MEMORY = "the system gives it no more memory; close other programs, or raise its limit (ulimit -v)"
_FILES = "the system lets it open no more files; raise its limit (ulimit -n)"
_REASONS = {errno.ENOMEM: _MEMORY, errno.EMFILE: _FILES, errno.ENFILE: _FILES}
# How PyTorch's allocator and C++ say it, as a RuntimeError.
_ALLOCATOR = ("can't allocate memory", "cannot allocate memory", "not enough memory", "bad_alloc")


# PyTorch and ExecuTorch with nothing to work on: at 0.75 GB they load and their exit hooks fail; from 1.0 GB on, what
# fails is the work itself, which says so.
_LIBRARIES_BYTES = 1_000_000_000


def require_room_for_pytorch() -> None:
    """Refuses to load PyTorch and ExecuTorch into less address space than they take.

    Libraries in them end the process by themselves where memory is short, in words of their own.

    Raises:
        OptionError: the system's limit on address space is below 1 GB.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _LIBRARIES_BYTES:
        raise OptionError(
            f"PyTorch and ExecuTorch take {_LIBRARIES_BYTES / 1e9:.1f} GB of address space before any work, and the "
            f"system gives this command {limit / 1e9:.1f} GB; raise its limit (ulimit -v)"
        )


@contextmanager
def explained_limits(work: str) -> Iterator[None]:
    """Turns an exception that says that memory or open files ran out into an OptionError; others pass.

    Args:
        work: What cannot be done, for the message.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError, ImportError, SystemError) as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise OptionError(f"{work}: {reason}") from error


def _reason(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0)
    if isinstance(error, ImportError | SystemError):
        # A library that cannot be mapped, or one that fails without a word; they do so for other reasons, too.
        return _MEMORY if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY else None
    return _MEMORY if any(words in str(error).lower() for words in _ALLOCATOR) else None
