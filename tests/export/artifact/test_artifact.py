"""Opening artifacts, whole and damaged, and recording a verification in them."""

import errno
import hashlib
import json
import os

import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.files import writing as files
from mmoe.models.architectures.registry import parse_config
from tests.support.artifacts import MODEL_BYTES, manifest_content, write_artifact
from tests.support.checkpoints import checkpoint_config
from tests.support.reports import sample_report, sample_stage


@pytest.fixture
def artifact(tmp_path):
    return write_artifact(tmp_path / "artifact")


def edit_manifest(artifact, change):
    path = artifact.folder / "mmoe.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_what_was_written_is_what_is_opened(artifact):
    opened = Artifact.open(artifact.folder, check_hashes=True)
    assert opened == artifact
    assert opened.manifest.source == manifest_content().source
    assert opened.model_path.read_bytes() == MODEL_BYTES
    assert opened.manifest.files["model.pte"].sha256 == hashlib.sha256(MODEL_BYTES).hexdigest()
    assert set(opened.manifest.files) == {"model.pte", "tokenizer.json"}
    assert opened.manifest.verification is None


def test_the_config_is_the_checkpoints(artifact):
    expected = parse_config(
        checkpoint_config({"no_rope_layers": [1, 1], "layer_types": ["full_attention"] * 2}), where="test"
    )
    assert Artifact.open(artifact.folder).config == expected


def test_a_folder_without_a_manifest_is_no_artifact(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ArtifactError, match=r"not an artifact: it has no mmoe\.json"):
            Artifact.open(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "format_version is None"),
        (b'{"format_version": 2}', "format_version is 2, this exporter reads 1"),
        (b'{"format_version": 1}', "keys missing source, versions"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_damaged_manifest_is_named(artifact, content, message):
    (artifact.folder / "mmoe.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"mmoe\.json.*{message}"):
        Artifact.open(artifact.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["runtime"].update(vocab_size="many"), r"mmoe\.json\.runtime\.vocab_size: expected int"),
        (lambda d: d["files"].pop("model.pte"), r"model\.pte is not in mmoe\.json"),
        (
            lambda d: d["files"].update({"../x": {"bytes": 1, "sha256": ""}}),
            r"'\.\./x' is not the name of a file",
        ),
        (lambda d: d.update(verification={"schema_version": 9}), r"verification: schema_version is 9"),
        (lambda d: d.update(verification=3), r"verification: schema_version is None"),
    ],
)
def test_a_wrong_manifest_is_explained(artifact, change, message):
    edit_manifest(artifact, change)
    with pytest.raises(ArtifactError, match=message):
        Artifact.open(artifact.folder)


def test_missing_and_cut_files_are_named_in_one_message(artifact):
    (artifact.folder / "tokenizer.json").unlink()
    (artifact.folder / "model.pte").write_bytes(MODEL_BYTES[:-1])
    with pytest.raises(ArtifactError) as failure:
        Artifact.open(artifact.folder)
    assert "tokenizer.json is missing" in str(failure.value)
    assert f"model.pte has {len(MODEL_BYTES) - 1} bytes, not {len(MODEL_BYTES)}" in str(failure.value)


def test_an_altered_file_is_found_when_hashes_are_checked(artifact):
    (artifact.folder / "model.pte").write_bytes(MODEL_BYTES[::-1])
    Artifact.open(artifact.folder)
    with pytest.raises(ArtifactError, match=r"model\.pte was altered"):
        Artifact.open(artifact.folder, check_hashes=True)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.5])
def test_a_verification_is_recorded(artifact, noise):
    report = sample_report(sample_stage("the stage", noise=noise))
    recorded = artifact.record_verification(report)
    assert Artifact.open(artifact.folder, check_hashes=True) == recorded
    assert recorded.manifest.verification == report
    data = json.loads((artifact.folder / "mmoe.json").read_text())
    assert data["verification"]["passed"] is report.passed
    assert "| the stage |" in (artifact.folder / "README.md").read_text()
    assert sorted(os.listdir(artifact.folder)) == ["README.md", "mmoe.json", "model.pte", "tokenizer.json"]


def test_a_verification_that_cannot_be_written_changes_nothing(artifact, monkeypatch):
    before = {path.name: path.read_bytes() for path in artifact.folder.iterdir()}
    synced = []

    def full_at_the_second_file(path):
        synced.append(path)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "sync", full_at_the_second_file)
    with pytest.raises(ArtifactError, match=r"disk is full: [0-9,]+ bytes are free"):
        artifact.record_verification(sample_report())
    assert {path.name: path.read_bytes() for path in artifact.folder.iterdir()} == before
