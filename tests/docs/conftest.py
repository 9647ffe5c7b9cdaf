"""What pages and examples run on: the included model's first layers, by its own name and by those of released ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.first_layers import write_first_layers
from tests.support.hub_cache import snapshot_folder, use_hub_cache
from tests.support.unpacked import write_unpacked

LAYERS = 1


@pytest.fixture
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, as somebody has it who follows a page: with a text of their own and a filled hub cache.

    `demo` names the included model's first layer here, which keeps the default limits in a quarter of the time.
    """
    from mmoe.checkpoints.checkpoint import open_checkpoint
    from mmoe.export.demo import bundled

    folder, package, home = tmp_path / "work", tmp_path / "package", tmp_path / "hub-home"
    folder.mkdir()
    layers = write_first_layers(package / "demo" / "checkpoint", bundled.bundled_checkpoint(), LAYERS)
    monkeypatch.setattr(bundled, "files", lambda _: package)
    use_hub_cache(monkeypatch, home)
    write_first_layers(snapshot_folder(home, "facebook/MobileMoE-S-QAT"), layers, LAYERS)
    write_unpacked(snapshot_folder(home, "facebook/MobileMoE-S-SFT"), open_checkpoint(layers))
    (folder / "my-text.txt").write_text(
        "In the beginning God created the heaven and the earth.\n", encoding="utf-8"
    )
    monkeypatch.chdir(folder)
    return folder
