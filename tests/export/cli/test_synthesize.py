"""`mmoe-export synthesize`."""

import json
from pathlib import Path

from tests.export.cli.conftest import Command
from tests.support.checkpoints import checkpoint_config


def test_writes_a_checkpoint_and_tells_of_it(mmoe: Command, tmp_path: Path) -> None:
    source = tmp_path / "config.json"
    source.write_text(json.dumps(checkpoint_config()), encoding="utf-8")
    folder = tmp_path / "made"
    data = mmoe("synthesize", "--size", source, "--out", folder, "--seed", 4, "--json").json
    assert data["schema_version"] == 1
    assert (data["folder"], data["seed"]) == (str(folder), 4)
    assert sum(data["bytes_by_class"].values()) == data["bytes"]
    assert mmoe("inspect", folder).code == 0
    again = mmoe("synthesize", "--size", source, "--out", folder)
    assert again.code == 1
    assert "is there already" in again.err
    run = mmoe("synthesize", "--size", source, "--out", folder, "--layers", 1, "--overwrite")
    assert run.code == 0
    assert "synthetic, random seed 0" in run.out


def test_unknown_size(mmoe: Command, tmp_path: Path) -> None:
    run = mmoe("synthesize", "--size", "XXL", "--out", tmp_path / "made")
    assert run.code == 1
    assert "it must be S, M, L, MobileLLM-Pro, OLMoE-1B-7B, " in run.err
    assert run.err.endswith(" or the path of a config.json\n")
