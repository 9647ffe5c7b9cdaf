"""Public families as artifacts: quantised on conversion, run by libmmoe, compared with eager float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.convert.post_training import quantize_checkpoint
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
from tests.support.extended import mostly_extended
from tests.support.tokenizers import write_tokenizer
from tests.support.transformers_models import make_model, save_model

TOKENS = 40
SIZES = {"vocab_size": 320, "max_position_embeddings": 64}
# A flip of a random model's undecided router costs 15 dB, which leaves nothing to be seen of the layers behind it: all
# eight experts are taken. Which ones a router selects is tested by itself.
LFM2 = {
    "layer_types": ["conv", "full_attention", "conv"], "num_hidden_layers": 3, "num_dense_layers": 1,
    "num_experts_per_tok": 8,
}  # fmt: skip
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "olmoe": ("Olmoe", {"intermediate_size": 32, "num_experts": 8, "attention_bias": True}),
    "qwen3": (
        "Qwen3Moe",
        {
            "intermediate_size": 96, "moe_intermediate_size": 32, "num_experts": 8, "head_dim": 32,
            "norm_topk_prob": True, "mlp_only_layers": [0], "tie_word_embeddings": True,
        },
    ),
    "granite": (
        "GraniteMoeShared",
        {
            "intermediate_size": 32, "num_local_experts": 40, "shared_intermediate_size": 64,
            "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.05,
            "logits_scaling": 6.0,
        },
    ),
    "ernie": (
        "Ernie4_5_Moe",
        {"intermediate_size": 96, "moe_intermediate_size": 32, "moe_num_experts": 8, "moe_k": 8},
    ),
    "lfm2": ("Lfm2Moe", {"intermediate_size": 96, "moe_intermediate_size": 32, "num_experts": 8, **LFM2}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_extended(CASES, always=("olmoe", "granite")))
def test_an_artifact_computes_its_family(tmp_path: Path, name: str) -> None:
    family, options = CASES[name]
    source = save_model(make_model(family, **SIZES | options), tmp_path / "source")
    write_tokenizer(source)
    artifact = convert(source, tmp_path / "artifact", options=ConvertOptions(quantize=Quantize.INT4_G32))
    (tmp_path / "packed").mkdir()
    packed = quantize_checkpoint(open_checkpoint(source, unpacked=True), tmp_path / "packed")
    text = np.random.default_rng(0).integers(0, 320, TOKENS).tolist()
    eager = build_decoder(packed, REFERENCE, max_context_len=TOKENS)
    expected = eager.all_logits(torch.tensor([text]), torch.tensor([0]))[0].numpy()
    with Model(artifact.folder) as model, Session(model) as session:
        found = np.stack(logits_of_prefixes(session, text))
    noise = float(((found - expected) ** 2).sum())
    assert 10 * np.log10(float((expected**2).sum()) / noise) > 29
    proof = prove_expert_weights(
        packed, load_backend("xnnpack").read_experts(ProgramFile(artifact.model_path))
    )
    assert proof is not None
    assert proof.passed


def logits_of_prefixes(session: Session, text: list[int]) -> list[np.ndarray]:
    """Logits behind every token: the first half one by one, then in calls that go back in the context."""
    rows, half = [], len(text) // 2
    for token in text[:half]:
        session.prefill([token])
        rows.append(session.logits())
    for end in range(half + 1, len(text) + 1):
        session.truncate(half)
        session.prefill(text[half:end])
        rows.append(session.logits())
    return rows
