"""Whether other processes took part of the machine while something was measured (Linux)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

# Share of the CPUs that others may use before a sample counts as disturbed.
DISTURBED = 0.1
# How long to look before calling the machine quiet; its clock ticks every 10 ms.
_LOOK_SECONDS = 0.4
_TICKS = os.sysconf("SC_CLK_TCK")


def undisturbed(
    sample: Callable[[], float], *, pid: int, attempts: int, limit: float = DISTURBED, patience: float = 60.0
) -> tuple[float, float]:
    """Takes a sample; with more than one attempt, in a quiet moment, and again if it was disturbed nevertheless.

    A loaded machine is no level ground: threads that wait for each other by spinning, as llama.cpp's do, lose
    far more than a fair share of it.

    Args:
        sample: What to measure; it may start child processes and wait for them.
        pid: A process that works for the sample besides this one and its finished children.
        attempts: Samples to take at most.
        limit: Share of all CPUs that others may use.
        patience: Seconds to wait for a quiet moment at most, before each attempt.

    Returns:
        The least disturbed sample, and the share of the CPUs that others used meanwhile.
    """
    found = []
    for _ in range(attempts):
        if attempts > 1:
            _wait_for_quiet(limit, patience)
        busy, own, began = _busy_seconds(), _own_seconds(pid), time.perf_counter()
        value = sample()
        capacity = (time.perf_counter() - began) * (os.cpu_count() or 1)
        others = (_busy_seconds() - busy) - (_own_seconds(pid) - own)
        found.append((min(1.0, max(0.0, others / capacity)), value))
        if found[-1][0] <= limit:
            break
    share, value = min(found)
    return value, share


def _wait_for_quiet(limit: float, patience: float) -> None:
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        busy, began = _busy_seconds(), time.perf_counter()
        time.sleep(_LOOK_SECONDS)
        if _busy_seconds() - busy <= limit * (time.perf_counter() - began) * (os.cpu_count() or 1):
            return


def _busy_seconds() -> float:
    """CPU time of all processes since boot."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICKS


def _own_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(os.times()[:4]) + (int(fields[11]) + int(fields[12])) / _TICKS
