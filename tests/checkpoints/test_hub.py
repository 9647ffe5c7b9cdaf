"""Every way a download can fail becomes one HubError with its cure; no test reaches a network."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import errors as hub_errors

from mmoe.checkpoints.errors import HubError
from mmoe.checkpoints.hub import download
from tests.support.checkpoints import write_checkpoint
from tests.support.hub_cache import snapshot_folder

REPO = "facebook/MobileMoE-S-QAT"
PAGE = f"https://huggingface.co/{REPO}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

OPEN = """
from mmoe.checkpoints.checkpoint import open_checkpoint
source = open_checkpoint("facebook/MobileMoE-S-QAT").source
print(source.id, source.revision)
"""

TRY_TO_DOWNLOAD = """
from mmoe.checkpoints.errors import HubError
from mmoe.checkpoints.hub import download
try:
    download("facebook/MobileMoE-S-QAT", revision=None, patterns=("config.json",))
except HubError as error:
    print(error)
"""


def response(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", PAGE))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def refusal(
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    *,
    token: str | None = None,
    revision: str | None = None,
) -> str:
    """The message that becomes of ``error`` when the hub's client raises it."""

    def raise_it(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", raise_it)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    with pytest.raises(HubError) as caught:
        download(REPO, revision=revision, patterns=("config.json",))
    assert caught.value.__cause__ is error
    message = str(caught.value)
    assert message.startswith(f"{REPO}: ")
    assert "\n" not in message
    return message


def test_success_gives_folder_and_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, object] = {}

    def snapshot_download(repo_id: str, **options: object) -> str:
        asked.update(options, repo_id=repo_id)
        return str(tmp_path / "snapshots" / COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    snapshot = download(REPO, revision="v1", patterns=("*.safetensors",))
    assert (snapshot.folder, snapshot.commit) == (tmp_path / "snapshots" / COMMIT, COMMIT)
    assert asked == {"repo_id": REPO, "revision": "v1", "allow_patterns": ["*.safetensors"]}


def test_gated_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, hub_errors.GatedRepoError("401 Client Error", response=response(401)))
    assert "is gated and no token is set" in message
    assert f"accept its licence at {PAGE}" in message
    assert "hf auth login" in message
    assert "HF_TOKEN" in message


def test_gated_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    error = hub_errors.GatedRepoError("403 Client Error", response=response(403))
    message = refusal(monkeypatch, error, token="hf_x")
    assert "your token's account has no access" in message
    assert f"accept its licence at {PAGE}" in message


def test_missing_token(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, hub_errors.LocalTokenNotFoundError("Token is required"))
    assert "needs a token and none is set" in message


def test_invalid_token(monkeypatch: pytest.MonkeyPatch) -> None:
    error = hub_errors.HfHubHTTPError("401 Client Error: invalid credentials", response=response(401))
    assert "refused the token as invalid or expired" in refusal(monkeypatch, error, token="hf_old")


@pytest.mark.parametrize(
    ("token", "told"), [(None, "no token is set"), ("hf_x", "your token may not see it")]
)
def test_no_such_repository(monkeypatch: pytest.MonkeyPatch, token: str | None, told: str) -> None:
    error = hub_errors.RepositoryNotFoundError("404 Client Error", response=response(404))
    message = refusal(monkeypatch, error, token=token)
    assert "does not exist" in message
    assert told in message


def test_no_such_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    error = hub_errors.RevisionNotFoundError("404 Client Error", response=response(404))
    assert "has no revision 'v9'" in refusal(monkeypatch, error, revision="v9")


def test_disabled_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    error = hub_errors.DisabledRepoError("403 Client Error", response=response(403))
    assert "has been disabled by the hub" in refusal(monkeypatch, error)


def test_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    error = hub_errors.HfHubHTTPError("503 Server Error", response=response(503))
    assert "HTTP status 503; try again later" in refusal(monkeypatch, error)


def test_bad_id(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not a valid hub id" in refusal(monkeypatch, hub_errors.HFValidationError("two dots"))


def test_offline_by_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    error = caused(
        hub_errors.LocalEntryNotFoundError("no snapshot"), hub_errors.OfflineModeIsEnabled("offline")
    )
    message = refusal(monkeypatch, error)
    assert "is not in the hub cache, and HF_HUB_OFFLINE forbids asking the hub" in message
    assert "give its folder instead of the id" in message


def test_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    error = caused(hub_errors.LocalEntryNotFoundError("no snapshot"), httpx2.ConnectError("no route to host"))
    message = refusal(monkeypatch, error)
    assert "the hub cannot be reached (ConnectError: no route to host)" in message
    assert "give its folder instead of the id" in message


@pytest.mark.parametrize("error", [httpx2.ConnectTimeout("slow"), httpx2.ProxyError("proxy says no")])
def test_connection_lost_during_the_download(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert f"cannot be reached ({type(error).__name__}" in refusal(monkeypatch, error)


def test_partial_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = hub_errors.IncompleteSnapshotError("2 files missing", snapshot_path=str(tmp_path))
    message = refusal(monkeypatch, caused(error, httpx2.ConnectError("down")))
    assert "is only partly in the hub cache" in message


def test_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "the disk became full during the download" in refusal(monkeypatch, error)


def test_other_file_system_error(monkeypatch: pytest.MonkeyPatch) -> None:
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    assert "could not be downloaded (PermissionError" in refusal(monkeypatch, error)


@pytest.mark.slow
def test_the_real_client_finds_a_cached_snapshot_offline(tmp_path: Path) -> None:
    snapshot = write_checkpoint(snapshot_folder(tmp_path, REPO))
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", OPEN]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert output.split() == [REPO, snapshot.name]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HF_ENDPOINT", "http://127.0.0.1:9", "the hub cannot be reached (ConnectError"),
        ("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE forbids asking the hub"),
    ],
)
def test_the_real_client_against_a_closed_port(tmp_path: Path, variable: str, value: str, told: str) -> None:
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        variable: value,
    }
    command = [sys.executable, "-c", TRY_TO_DOWNLOAD]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert output.startswith(f"{REPO}: is not in the hub cache, and {told}")
