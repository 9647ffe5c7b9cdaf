"""What reaches the hub, and what never does: with the hub's real client, and a hub on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import ModelCard

from mmoe.checkpoints.errors import HubError
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.writer import ArtifactWriter
from mmoe.export.cli.main import main
from mmoe.export.push.push import prepare
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.artifacts import MODEL_BYTES, manifest_content
from tests.support.reports import sample_report
from tests.support.stub_hub import COMMIT, StubHub, stub_hub

REPO = "someone/MobileMoE-XS-ExecuTorch"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    with stub_hub(monkeypatch) as served:
        yield served


def artifact_of(folder: Path, licence: str | None) -> Artifact:
    content = manifest_content()
    with ArtifactWriter(folder, overwrite=False) as writer:
        writer.write("model.pte", MODEL_BYTES)
        writer.write("tokenizer.json", b"{}")
        return writer.commit(replace(content, source=replace(content.source, licence=licence)))


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return artifact_of(tmp_path / "artifact", "apache-2.0")


def test_the_files_of_the_manifest_and_no_others_arrive(artifact: Artifact, hub: StubHub) -> None:
    (artifact.folder / "notes.txt").write_text("mine")
    artifact.record_verification(sample_report())
    published = prepare(artifact.folder, REPO).send(private=False)
    assert (published.commit, published.url) == (COMMIT, f"https://huggingface.co/{REPO}/commit/{COMMIT}")
    assert hub.private == {REPO: False}
    sent = hub.files[REPO]
    assert sorted(sent) == ["README.md", "mmoe.json", "model.pte", "tokenizer.json"]
    for name, content in sent.items():
        assert content == (artifact.folder / name).read_bytes(), name
    card = ModelCard(sent["README.md"].decode()).data
    assert (card.license, card.base_model) == ("apache-2.0", "someone/MobileMoE-XS-QAT")
    assert "perplexity" in {result.metric_type for result in card.eval_results}


def test_the_card_is_that_of_this_exporter(artifact: Artifact, hub: StubHub) -> None:
    (artifact.folder / "README.md").write_text("an older exporter's")
    prepare(artifact.folder, REPO).send(private=False)
    assert hub.files[REPO]["README.md"].startswith(b"---\nlibrary_name: executorch\n")


@pytest.mark.parametrize(
    "licence", ["fair-noncommercial-research-license", "llama3.2", "other", "ours", None]
)
def test_a_licence_on_terms_has_to_be_read(licence: str | None, tmp_path: Path, hub: StubHub) -> None:
    folder = artifact_of(tmp_path / "artifact", licence).folder
    with pytest.raises(OptionError, match="read its terms, and if they let you publish them there") as caught:
        prepare(folder, REPO)
    assert (licence or "states no licence") in str(caught.value)
    assert hub.asked == []
    prepare(folder, REPO, licence_checked=True).send(private=True)
    assert hub.private == {REPO: True}


def test_nothing_private_goes_to_a_public_repository(artifact: Artifact, hub: StubHub) -> None:
    hub.private[REPO] = False
    with pytest.raises(HubError, match=f"^{REPO}: is there already and is public"):
        prepare(artifact.folder, REPO).send(private=True)
    assert hub.files == {}
    hub.private[REPO] = True
    prepare(artifact.folder, REPO).send(private=False)
    assert hub.private[REPO]
    assert "POST /api/repos/create" not in hub.asked


@pytest.mark.parametrize(
    ("end", "status", "message", "told"),
    [
        (
            "/repos/create",
            403,
            "no",
            "it needs the permission to write, and its account must be someone or a member",
        ),
        ("/repos/create", 401, "no", "refused the token as invalid or expired"),
        ("/commit/main", 500, "on fire", "HTTP status 500 (on fire); nothing was published"),
        ("/validate-yaml", 400, '"license" must\nbe known', "refuses the model card: Invalid metadata"),
    ],
)
def test_refusals(end: str, status: int, message: str, told: str, artifact: Artifact, hub: StubHub) -> None:
    hub.statuses[end] = (status, message)
    with pytest.raises(HubError) as caught:
        prepare(artifact.folder, REPO).send(private=False)
    assert str(caught.value).startswith(f"{REPO}: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert hub.files == {}


def test_without_a_token_or_a_network(
    artifact: Artifact, hub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = prepare(artifact.folder, REPO)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"the hub cannot be reached \(ConnectError"):
        upload.send(private=False)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(HubError, match="without a token that may write: run `hf auth login`"):
        upload.send(private=False)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["MobileMoE", "a/b/c", "a/b c", "-a/b", "a/b--c", ""])
def test_names_of_repositories(name: str, artifact: Artifact) -> None:
    with pytest.raises(OptionError, match="is no name of a repository on the hub"):
        prepare(artifact.folder, name)


def test_the_command(artifact: Artifact, hub: StubHub, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["push", str(artifact.folder), REPO]
    assert main([*command, "--dry-run", "--json", "--quiet"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["url"], planned["verified"], hub.asked) == (None, None, [])
    assert main([*command, "--private", "--json", "--quiet"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["commit"] == COMMIT
    assert done["files"] == planned["files"] == {name: len(each) for name, each in hub.files[REPO].items()}
    assert main(command) == 0
    assert f"Published: https://huggingface.co/{REPO}/commit/{COMMIT}" in capsys.readouterr().out
    artifact.model_path.write_bytes(bytes(len(MODEL_BYTES)))
    assert main(command) == 1
    assert "model.pte was altered" in capsys.readouterr().err
