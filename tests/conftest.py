"""Artifacts that tests share, as converting takes long enough that each is made once in a session; and the tiers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.shared import made_once

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact

# As the command line does, and likewise before torch is imported, which is why the fixtures import late.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Making these takes ten seconds and more, so that every test that needs one is slow.
_SLOW_FIXTURES = {
    "coreml_artifact",
    "demo_delegated_artifact",
    "mlx_artifact",
    "mlx_demo_artifact",
    "tiny_delegated_artifact",
}


# Parts of no tier, run by their own names: conversions that take minutes (`make full-size`), and what needs Chromium
# (`make page`).
collect_ignore = ["full_size", "page"]

# On two idle cores; to be measured again when tests are added.
_MINUTES_OF_ALL, _MINUTES_OF_QUICK = 8, 2


def pytest_report_header() -> str:
    """The tiers and how long they take."""
    return (
        f"tiers: everything takes about {_MINUTES_OF_ALL} minutes on two idle cores, "
        f"-m 'not slow' about {_MINUTES_OF_QUICK}"
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--extended`, which `.ci/slow` gives."""
    parser.addoption(
        "--extended", action="store_true", help="run the tests marked as extended, too: minutes more"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks as slow what needs a slow fixture, before `-m` is heeded; leaves out what was not asked for.

    What needs a slow fixture comes first, for one process: two would wait for each other's fixtures, a minute in all.
    """
    for item in items:
        if _needs_slow_fixture(item):
            item.add_marker(pytest.mark.slow)
    if not config.getoption("--extended"):
        left_out = [item for item in items if item.get_closest_marker("extended")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("extended")]
    items.sort(key=lambda item: not _needs_slow_fixture(item))


def _needs_slow_fixture(item: pytest.Item) -> bool:
    return not _SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint of two layers in the released format; read only."""
    from tests.support.checkpoints import write_checkpoint

    return made_once(tmp_path_factory, "tiny/checkpoint", write_checkpoint)


@pytest.fixture(scope="session")
def tiny_artifact(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """`tiny_checkpoint`, converted; read only."""
    return _converted(tmp_path_factory, "tiny/artifact", tiny_checkpoint)


@pytest.fixture(scope="session")
def tiny_delegated_artifact(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """`tiny_checkpoint`, converted with XNNPACK's linears; read only."""
    return _converted(
        tmp_path_factory, "tiny/delegated", tiny_checkpoint, backend_options={"linears": "xnnpack"}
    )


@pytest.fixture(scope="session")
def demo_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The bundled trained checkpoint, converted; read only. Its chunk is shorter than its context."""
    from mmoe.export.demo.bundled import bundled_checkpoint

    return _converted(tmp_path_factory, "demo/artifact", bundled_checkpoint(), max_seq_len=128)


@pytest.fixture(scope="session")
def demo_delegated_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """As `demo_artifact` of two layers, with XNNPACK's linears, whose lowering takes six seconds a layer; read only."""
    from mmoe.export.demo.bundled import bundled_checkpoint
    from tests.support.first_layers import write_first_layers

    return _converted(
        tmp_path_factory,
        "demo/delegated",
        made_once(
            tmp_path_factory,
            "demo/first-layers",
            lambda folder: write_first_layers(folder, bundled_checkpoint(), 2),
        ),
        max_seq_len=128,
        backend_options={"linears": "xnnpack"},
    )


def _converted(factory: pytest.TempPathFactory, name: str, checkpoint: Path, **options: Any) -> Artifact:
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.convert.convert import ConvertOptions, convert

    def make(folder: Path) -> None:
        convert(checkpoint, folder, options=ConvertOptions(**options))

    return Artifact.open(made_once(factory, name, make))
