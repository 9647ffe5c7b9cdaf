"""The command in a process that the system gives little room: memory, open files, a disk that is full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.subprocesses import PROGRAM

# A file system of one page in a namespace of its own, so that it vanishes with the process; it is full, and what the
# command leaves there is listed behind its own output.
_FULL_DISK = """
mount -t tmpfs -o size=4k none "$0" && cat /dev/zero > "$0/filler" 2>/dev/null
"$@"
code=$?
ls -A "$0"
exit $code
"""
# Where no file system may be mounted: no file may have more than a kilobyte.
_SHORT_FILES = 'touch "$0/filler"; ulimit -f 1; "$@"; code=$?; ls -A "$0"; exit $code'


def run_limited(limit: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `mmoe-export` under a limit of bash's `ulimit`, such as ``-n 8``."""
    return _run(["bash", "-c", f'ulimit {limit}; exec "$@"', "bash"], arguments)


def run_on_full_disk(place: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `mmoe-export` while a folder is on a disk that is full.

    Args:
        place: An existing, empty folder. Stdout ends with the names of what the command leaves in it, "filler" among
            them.
        arguments: What follows the program's name.
    """
    can_mount = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    shell = ["unshare", "-rm", "bash", "-c", _FULL_DISK] if can_mount else ["bash", "-c", _SHORT_FILES]
    return _run([*shell, str(place)], arguments)


def _run(shell: list[str], arguments: tuple[object, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
