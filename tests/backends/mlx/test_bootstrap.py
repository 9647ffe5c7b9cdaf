"""The generated files of the MLX delegate: made once, by whoever comes first, and never in site-packages."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from mmoe.backends.errors import BackendError
from mmoe.backends.mlx.bootstrap import cache_folder, generate

_PROGRAM = """
import sys
from pathlib import Path
from mmoe.backends.mlx.bootstrap import generate
generate(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def _wheel() -> Path:
    spec = importlib.util.find_spec("executorch.backends")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))) / "mlx"


def _content(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*.py"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_generates_a_complete_package_outside_the_wheel(tmp_path: Path) -> None:
    before = sorted(path for path in _wheel().rglob("*.py"))
    generate(_wheel(), tmp_path / "mlx")
    content = _content(tmp_path / "mlx")
    assert b"class GatherQmmNode" in content["serialization/mlx_graph_schema.py"]
    assert "serialization/_generated/mlx_delegate/MLXGraph.py" in content
    assert b"OP_NODE_FIELDS" in content["_generated_inspector.py"]
    assert sorted(path for path in _wheel().rglob("*.py")) == before


def test_concurrent_runs_leave_one_complete_folder(tmp_path: Path) -> None:
    target = tmp_path / "mlx"
    runs = [subprocess.Popen([sys.executable, "-c", _PROGRAM, str(_wheel()), str(target)]) for _ in range(3)]
    assert [run.wait(timeout=600) for run in runs] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [target]
    generate(_wheel(), tmp_path / "alone")
    assert _content(target) == _content(tmp_path / "alone")


def test_a_damaged_folder_is_made_again(tmp_path: Path) -> None:
    target = generate(_wheel(), tmp_path / "mlx")
    (target / "_generated_inspector.py").unlink()
    generate(_wheel(), target)
    assert (target / "_generated_inspector.py").is_file()


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BackendError, match="MMOE_EXPORT_CACHE"):
        generate(_wheel(), blocked / "mlx")


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMOE_EXPORT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MMOE_EXPORT_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "mmoe-export"
