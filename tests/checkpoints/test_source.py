"""Finding a checkpoint from what the user typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmoe.checkpoints import source
from mmoe.checkpoints.errors import CheckpointError, HubError
from mmoe.checkpoints.hub import Snapshot
from mmoe.checkpoints.source import CheckpointSource, locate_checkpoint
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.checkpoints import checkpoint_config, write_config

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, tuple[str, ...]]]:
    """Stands in for the hub: records each request and answers with ``tmp_path / "snapshot"``."""
    (tmp_path / "snapshot").mkdir()
    write_config(tmp_path / "snapshot", checkpoint_config())
    requests: list[tuple[str | None, tuple[str, ...]]] = []

    def download(repo_id: str, *, revision: str | None, patterns: tuple[str, ...]) -> Snapshot:
        requests.append((revision, patterns))
        return Snapshot(tmp_path / "snapshot", COMMIT)

    monkeypatch.setattr(source, "download", download)
    return requests


def refusal(given: str | Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        locate_checkpoint(given)
    return str(caught.value)


def test_hub_id_records_the_resolved_commit(
    tmp_path: Path, downloads: list[tuple[str | None, tuple[str, ...]]]
) -> None:
    located = locate_checkpoint("facebook/MobileMoE-S-QAT", revision="main")
    assert located.folder == tmp_path / "snapshot"
    assert located.source == CheckpointSource(id="facebook/MobileMoE-S-QAT", revision=COMMIT)
    (first_revision, first_patterns), (second_revision, second_patterns) = downloads
    assert (first_revision, first_patterns) == ("main", ("config.json",))
    assert second_revision == COMMIT
    assert "model*.safetensors" in second_patterns
    assert not any(pattern.endswith((".bin", ".pt", ".pth", "*")) for pattern in second_patterns[:-2])


def test_weights_of_a_checkpoint_that_is_not_packed_are_not_downloaded(
    tmp_path: Path, downloads: list[tuple[str | None, tuple[str, ...]]]
) -> None:
    write_config(tmp_path / "snapshot", checkpoint_config({"quantization": None}))
    message = refusal("facebook/MobileMoE-S-Base")
    assert "--quantize int4-g32" in message
    assert message.endswith("Its weights were not downloaded")
    assert len(downloads) == 1
    assert locate_checkpoint("facebook/MobileMoE-S-Base", unpacked=True).folder == tmp_path / "snapshot"


def test_folder_with_a_revision(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"a revision \(main\) goes with a hub id"):
        locate_checkpoint(tmp_path, revision="main")


@pytest.mark.parametrize("given", ["nothing", "a/b/c", "-x/y", "owner/na me"])
def test_neither_folder_nor_id(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "neither an existing folder nor a hub id of the form owner/name" in refusal(given)


@pytest.mark.parametrize(
    "given", ["./owner/name", "../owner/name", "~/owner/name", "/owner/name", "owner/", "owner/name/"]
)
def test_what_is_spelt_as_a_path_is_never_a_hub_id(
    given: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    downloads: list[tuple[str | None, tuple[str, ...]]],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert refusal(given).startswith(f"{given}: no such folder; ")
    assert refusal(given).endswith("is a path, never a hub id")
    assert downloads == []


def test_misspelt_folder(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    assert refusal(tmp_path / "chekpoint").endswith(f"did you mean {tmp_path / 'checkpoint'}?")


def test_misspelt_folder_that_could_be_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repo_id: str, *, revision: str | None, patterns: tuple[str, ...]) -> Snapshot:
        raise HubError(f"{repo_id}: does not exist")

    monkeypatch.setattr(source, "download", download)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    with pytest.raises(HubError) as caught:
        locate_checkpoint("models/tinny")
    assert str(caught.value) == (
        "models/tinny: does not exist (there is no folder models/tinny here either; did you mean models/tiny?)"
    )


def test_a_folder_of_a_similar_name_does_not_hide_the_hub(
    tmp_path: Path, downloads: list[tuple[str | None, tuple[str, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "facebook" / "MobileMoE-M-QAT").mkdir(parents=True)
    assert locate_checkpoint("facebook/MobileMoE-S-QAT").folder == tmp_path / "snapshot"
    assert len(downloads) == 2


def test_file_instead_of_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x08" + bytes(15))
    assert "is a file; give the checkpoint folder that holds it" in refusal(path)


def test_pickle_file_instead_of_folder(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "model.pt")
    assert "is a pickle file" in refusal(tmp_path / "model.pt")
    (tmp_path / "model.pt").rename(tmp_path / "innocent")
    assert "is a pickle file" in refusal(tmp_path / "innocent")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("models--owner--some-name", "snapshots", COMMIT), ("owner/some-name", COMMIT)),
        (("models--gpt2", "snapshots", COMMIT), ("gpt2", COMMIT)),
        (("models--owner--name", "snapshots", "main"), ("main", None)),
        (("owner--name", "snapshots", COMMIT), (COMMIT, None)),
    ],
)
def test_a_snapshot_of_the_hub_cache_knows_its_repository(
    tmp_path: Path, parts: tuple[str, ...], expected: tuple[str, str | None]
) -> None:
    folder = tmp_path.joinpath(*parts)
    folder.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(folder)
    for given in (folder, link):
        found = locate_checkpoint(given)
        assert found.folder == given
        assert (found.source.id, found.source.revision) == expected
