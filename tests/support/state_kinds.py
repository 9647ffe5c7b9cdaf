"""Artifacts with every kind of state that a context has: caches of each dtype behind windows, and convolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.convert.quantize_option import Quantize
from tests.support.checkpoints import dense_overrides, write_checkpoint
from tests.support.shared import made_once
from tests.support.tokenizers import write_tokenizer
from tests.support.transformers_models import make_model, save_model


def _windows(kv_cache: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        source = write_checkpoint(folder / "source", dense_overrides())
        options = ConvertOptions(max_seq_len=32, backend_options={"kv_cache": kv_cache})
        convert(source, folder / "artifact", options=options)

    return make


def _convolutions(folder: Path) -> None:
    kinds = {"layer_types": ["conv", "full_attention", "conv"], "num_hidden_layers": 3, "num_dense_layers": 1}
    sizes = {"intermediate_size": 96, "moe_intermediate_size": 32, "num_experts": 8, "vocab_size": 320}
    source = save_model(
        make_model("Lfm2Moe", **kinds, **sizes, max_position_embeddings=600), folder / "source"
    )
    write_tokenizer(source)
    options = ConvertOptions(quantize=Quantize.INT4_G32, max_seq_len=32)
    convert(source, folder / "artifact", options=options)


_MAKERS: Mapping[str, Callable[[Path], object]] = {
    **{f"{kv_cache} windows": _windows(kv_cache) for kv_cache in ("float32", "float16", "int8")},
    "convolutions": _convolutions,
}
STATE_KINDS = tuple(_MAKERS)


def artifact_with(kind: str, factory: pytest.TempPathFactory) -> Artifact:
    """One of `STATE_KINDS`, made once for a run of the tests."""
    folder = made_once(factory, f"caches/{kind.replace(' ', '-')}", _MAKERS[kind])
    return Artifact.open(folder / "artifact")
