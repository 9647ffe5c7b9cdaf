"""The hub's cache with checkpoints in the places of released ones, which nobody can have without an account."""

from pathlib import Path

import pytest

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def snapshot_folder(home: Path, repository: str) -> Path:
    """Where the cache below ``home`` (HF_HOME) has what a repository's main branch holds; to be made by the caller."""
    entry = home / "hub" / f"models--{repository.replace('/', '--')}"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text(_COMMIT)
    return entry / "snapshots" / _COMMIT


def use_hub_cache(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Makes this process, whose client may be imported already, and those it starts look there and nowhere else."""
    import huggingface_hub.constants as client

    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(client, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(client, "HF_HUB_OFFLINE", True)
