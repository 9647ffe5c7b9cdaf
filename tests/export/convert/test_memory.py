"""What memory is said to be there, from files as Linux writes them."""

from pathlib import Path

import pytest

from mmoe.export.convert import memory
from mmoe.export.convert.memory import available_memory, require_memory
from mmoe.runtime_bindings.python.errors import OptionError

GIB = 1 << 30


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8 GiB available and a process in the control group `pod/box`."""
    (tmp_path / "meminfo").write_text(
        f"MemTotal: 99 kB\nMemAvailable:   {8 * GIB // 1024} kB\nCached: 1 kB\n"
    )
    (tmp_path / "cgroup").write_text("0::/pod/box\n")
    (tmp_path / "groups/pod/box").mkdir(parents=True)
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_OWN_GROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    return tmp_path


def limit(folder: Path, most: int | str, used: int, cache: int = 0) -> None:
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 7\ninactive_file {cache // 2}\nactive_file {cache // 2}\n")


def test_the_machine_alone(system: Path) -> None:
    assert available_memory() == 8 * GIB


def test_a_limit_of_the_group_and_of_its_parent(system: Path) -> None:
    limit(system / "groups/pod/box", 4 * GIB, 3 * GIB, cache=2 * GIB)
    assert available_memory() == 3 * GIB
    limit(system / "groups/pod", 2 * GIB, GIB)
    assert available_memory() == GIB


def test_no_limit_and_no_group(system: Path) -> None:
    limit(system / "groups/pod/box", "max", 3 * GIB)
    assert available_memory() == 8 * GIB
    (system / "cgroup").unlink()
    assert available_memory() == 8 * GIB


def test_nothing_is_refused_where_the_system_does_not_tell(system: Path) -> None:
    (system / "meminfo").unlink()
    assert available_memory() is None
    require_memory(1 << 60, "this")


def test_too_little_is_told_with_the_figures(system: Path) -> None:
    require_memory(8 * GIB, "converting")
    with pytest.raises(OptionError, match=r"converting needs about 8,589,934,593 bytes .* 8,589,934,592 are"):
        require_memory(8 * GIB + 1, "converting")


def test_the_real_machine_has_some() -> None:
    available = available_memory()
    assert available is None or 0 < available < 1 << 50
