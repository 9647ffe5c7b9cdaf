"""Describes the machine that a benchmark runs on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# What the firmware of a PC, and of a board with Arm, call the machine.
_NAMES = (Path("/sys/class/dmi/id/product_name"), Path("/proc/device-tree/model"))
_POWER_SUPPLIES = Path("/sys/class/power_supply")


@dataclass(frozen=True, kw_only=True)
class Power:
    """Where a machine's power comes from.

    Attributes:
        battery_level: 0 is empty, 1 is full; None without a battery.
        charging: Whether it is connected to power; None without a battery.
    """

    battery_level: float | None = None
    charging: bool | None = None


def machine_name() -> str:
    """What its maker calls it; the processor's name where no file tells."""
    for path in _NAMES:
        if path.is_file() and (name := path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")):
            return name
    return cpu_model()


def system_name() -> str:
    """The operating system and its version."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def memory_bytes() -> int:
    """Of the machine, whatever this process may have of it."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def power(supplies: Path = _POWER_SUPPLIES) -> Power:
    """Of the machine's first battery.

    Args:
        supplies: Linux's folder with one folder for each battery and each mains adapter.
    """
    for battery in sorted(supplies.glob("BAT*")):
        level, status = battery / "capacity", battery / "status"
        if level.is_file() and status.is_file():
            return Power(
                battery_level=int(level.read_text(encoding="ascii")) / 100,
                charging=status.read_text(encoding="ascii").strip() != "Discharging",
            )
    return Power()


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or platform.machine()


def usable_cpus() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_average() -> float:
    """Processes that wanted to run, on average over the last minute."""
    return os.getloadavg()[0]
