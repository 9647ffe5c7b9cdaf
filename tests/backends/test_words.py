"""What a backend cannot say is named before any work; what it can is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmoe.export.convert.convert import ConvertOptions, convert, dry_run
from mmoe.export.convert.quantize_option import Quantize
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.tokenizers import write_tokenizer
from tests.support.transformers_models import make_model, save_model

LFM2 = {
    "intermediate_size": 64, "moe_intermediate_size": 32, "num_experts": 8, "num_dense_layers": 1,
    "layer_types": ["conv", "full_attention"], "vocab_size": 320,
}  # fmt: skip
QWEN3 = {
    "intermediate_size": 64, "moe_intermediate_size": 32, "num_experts": 8, "use_sliding_window": True,
    "sliding_window": 7, "vocab_size": 320,
}  # fmt: skip


def source(folder: Path, family: str, options: dict[str, Any]) -> Path:
    save_model(make_model(family, **options), folder)
    write_tokenizer(folder)
    return folder


@pytest.mark.parametrize("run", [convert, dry_run])
@pytest.mark.parametrize(
    ("backend", "family", "options", "named"),
    [
        ("coreml", "Qwen3Moe", QWEN3, "coreml backend has no sliding-window attention"),
        ("mlx", "Qwen3Moe", QWEN3, "mlx backend has no sliding-window attention"),
        ("xnnpack", "Qwen3Moe", QWEN3 | {"head_dim": 24}, "no QK-norm over heads of 24 elements"),
    ],
)
def test_a_missing_word_is_named(
    tmp_path: Path, run: Any, backend: str, family: str, options: dict[str, Any], named: str
) -> None:
    request = ConvertOptions(backend=backend, quantize=Quantize.INT4_G32)
    with pytest.raises(OptionError, match=named):
        run(source(tmp_path / "source", family, options), tmp_path / "artifact", options=request)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_caches_are_those_of_attention(tmp_path: Path) -> None:
    """One of two layers attends: 64 rows of keys and values in int8, with a float32 step each, for two heads of 16."""
    request = ConvertOptions(quantize=Quantize.INT4_G32)
    plan = dry_run(source(tmp_path / "source", "Lfm2Moe", LFM2), tmp_path / "artifact", options=request)
    assert plan.kv_cache_bytes == 64 * 2 * 2 * (16 + 4)
