"""A checkpoint in figures: the published ones for the released models, counted ones for a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.summary import describe_checkpoint
from mmoe.export.files.records import to_json
from tests.support.checkpoints import QUANTIZATION, checkpoint_config, write_checkpoint
from tests.support.released import write_sparse_checkpoint


@pytest.mark.parametrize(
    ("model", "total", "active", "packed_bytes"),
    [
        ("S", "1.263 B", "272 M", 713_863_008),
        ("M", "2.818 B", "528 M", 1_590_916_144),
        ("L", "5.326 B", "922 M", 3_004_279_040),
    ],
)
def test_released_models(tmp_path: Path, model: str, total: str, active: str, packed_bytes: int) -> None:
    summary = describe_checkpoint(open_checkpoint(write_sparse_checkpoint(tmp_path, model)))
    assert f"{summary.total_parameters / 1e9:.3f} B" == total
    assert f"{summary.active_parameters / 1e6:.0f} M" == active
    assert summary.total_bytes == packed_bytes
    if model == "S":
        assert summary.total_parameters == 1_263_374_256


def test_small_model(tmp_path: Path) -> None:
    summary = describe_checkpoint(open_checkpoint(write_checkpoint(tmp_path / "tiny", shards=3)))
    # Attention, router with bias, shared expert and norms of a layer of H = 64; its 8 experts of width 32.
    dense_layer = 2 * 64 * 64 + 2 * 32 * 64 + 8 * 64 + 8 + 3 * 64 * 64 + 2 * 64
    experts_layer = 8 * 3 * 64 * 32
    outside = 320 * 64 + 64
    assert summary.total_parameters == outside + 2 * (dense_layer + experts_layer)
    assert summary.active_parameters == outside + 2 * (dense_layer + experts_layer // 4)
    assert (summary.num_tensors, summary.num_files) == (47, 3)
    assert summary.source.id == "tiny"
    assert summary.quantization == QUANTIZATION
    assert summary.architecture["num_local_experts"] == 8
    assert summary.architecture["rope_scaling"] == {
        key: value
        for key, value in checkpoint_config()["rope_scaling"].items()  # type: ignore[attr-defined]
        if key != "rope_type"
    }
    sizes = list(summary.bytes_by_class.values())
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == summary.total_bytes


def test_summary_is_json(tmp_path: Path) -> None:
    summary = describe_checkpoint(open_checkpoint(write_checkpoint(tmp_path)))
    data = json.loads(json.dumps(to_json(summary)))
    assert set(data) == set(vars(summary))
    assert data["architecture"]["eos_token_ids"] == [1, 4]
    assert next(iter(data["bytes_by_class"])) == "experts"
