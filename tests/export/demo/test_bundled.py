"""The bundled checkpoint goes by one name: as a source, and in the manifest of what is made from it."""

import shutil
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.demo.bundled import bundled_checkpoint, is_bundled, named_source


def test_only_the_name_itself_stands_for_it() -> None:
    assert named_source("demo") == bundled_checkpoint()
    for other in ("./demo", "demo/", Path("demo"), "someone/demo", bundled_checkpoint()):
        assert named_source(other) == other


def test_the_folder_is_known_by_any_path_and_a_copy_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundled_checkpoint().parent)
    assert is_bundled(Path("checkpoint"))
    (tmp_path / "link").symlink_to(bundled_checkpoint())
    assert is_bundled(tmp_path / "link")
    assert not is_bundled(Path(shutil.copytree(bundled_checkpoint(), tmp_path / "demo")))


def test_an_artifact_names_it(demo_artifact: Artifact, tiny_artifact: Artifact) -> None:
    assert (demo_artifact.manifest.source.id, demo_artifact.manifest.source.revision) == ("demo", None)
    assert tiny_artifact.manifest.source.id == "checkpoint"
