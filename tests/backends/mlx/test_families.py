"""Public families as MLX programs, replayed in float32 against eager float32 on the same integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.convert.post_training import quantize_checkpoint
from mmoe.export.convert.quantize_option import Quantize
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.extended import mostly_extended
from tests.support.tokenizers import write_tokenizer
from tests.support.transformers_models import make_model, save_model

FLOAT32 = {"activations": "float32"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "olmoe": ("Olmoe", {"intermediate_size": 32, "num_experts": 8, "attention_bias": True}),
    "granite": (
        "GraniteMoeShared",
        {
            "intermediate_size": 32, "num_local_experts": 8, "shared_intermediate_size": 64,
            "residual_multiplier": 0.22, "attention_multiplier": 0.05, "logits_scaling": 6.0,
        },
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_extended(CASES, always=("olmoe",)))
def test_a_replay_computes_its_family(tmp_path: Path, name: str) -> None:
    family, options = CASES[name]
    source = save_model(make_model(family, vocab_size=320, **options), tmp_path / "source")
    write_tokenizer(source)
    request = ConvertOptions(backend="mlx", backend_options=FLOAT32, quantize=Quantize.INT4_G32)
    artifact = convert(source, tmp_path / "artifact", options=request)
    (tmp_path / "packed").mkdir()
    packed = quantize_checkpoint(open_checkpoint(source, unpacked=True), tmp_path / "packed")
    text = np.random.default_rng(0).integers(0, 320, 20).tolist()
    eager = build_decoder(packed, REFERENCE, max_context_len=20)
    expected = eager.all_logits(torch.tensor([text]), torch.tensor([0]))[0].numpy()
    runner = load_backend("mlx", FLOAT32).open_runner(artifact.model_path)
    rows = [runner.prefill(text[:10]), *map(runner.decode, text[10:])]
    noise = float(((np.stack(rows) - expected[9:]) ** 2).sum())
    assert 10 * np.log10(float((expected[9:] ** 2).sum()) / noise) > 100
