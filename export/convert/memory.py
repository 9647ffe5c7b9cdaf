"""How much memory there is, so that work which cannot fit is refused before it starts."""

from __future__ import annotations

import re
from pathlib import Path

from mmoe.runtime_bindings.python.errors import OptionError

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Bytes that this process can still take without swapping; None where the system does not tell (not Linux).

    The least of what the machine has available and of what the limits of its control groups (version 2; containers
    have them) leave. Page cache counts as available in both, since the kernel takes it back.
    """
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", _MEMINFO.read_text(), flags=re.MULTILINE)
    except OSError:
        return None
    if found is None:
        return None
    return max(0, min(int(found[1]) * 1024, *_left_by_groups()))


def require_memory(needed: int, purpose: str) -> None:
    """Fails before any work if there is too little memory; does nothing where the system does not tell.

    Args:
        needed: Bytes of anonymous memory that the work will take.
        purpose: What for, for the message.

    Raises:
        OptionError: There is less.
    """
    available = available_memory()
    if available is not None and needed > available:
        raise OptionError(
            f"{purpose} needs about {needed:,} bytes of memory, but only {available:,} are available; "
            "close other programs, raise the container's limit, or use a machine with more memory"
        )


def _left_by_groups() -> list[int]:
    """What each limit above this process leaves; an infinite amount, so to speak, comes first."""
    left = [1 << 62]
    try:
        own = next((line[3:] for line in _OWN_GROUP.read_text().splitlines() if line.startswith("0::")), "/")
    except OSError:
        return left
    group = _GROUPS / own.lstrip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(_GROUPS):
            left.extend(_left_by_group(folder))
    return left


def _left_by_group(folder: Path) -> list[int]:
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:  # the root has no such files
        return []
    cache = int(statistics.get("inactive_file", 0)) + int(statistics.get("active_file", 0))
    return [] if limit == "max" else [int(limit) - used + cache]
