"""Families against `transformers` itself: the logits of random models, whole texts and token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.decoder import Decoder, build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.transformers_models import make_model, save_model

CONTEXT = 40
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 32,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}
GRANITE = {
    "intermediate_size": 32,
    "num_local_experts": 8,
    "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22,
    "attention_multiplier": 0.05,
    "logits_scaling": 6.0,
}
LFM2 = {
    "intermediate_size": 96,
    "moe_intermediate_size": 32,
    "num_experts": 8,
    "num_dense_layers": 1,
    "num_hidden_layers": 4,
    "layer_types": ["conv", "full_attention", "conv", "full_attention"],
}
ERNIE = {"intermediate_size": 96, "moe_intermediate_size": 32, "moe_num_experts": 8}
OLMOE = {"intermediate_size": 32, "num_experts": 8}
QWEN3 = {"intermediate_size": 96, "moe_intermediate_size": 32, "num_experts": 8, "head_dim": 32}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "olmoe": ("Olmoe", OLMOE),
    "olmoe, normalised": ("Olmoe", OLMOE | {"norm_topk_prob": True}),
    "olmoe, tied": ("Olmoe", OLMOE | {"tie_word_embeddings": True}),
    "olmoe, biases": ("Olmoe", OLMOE | {"attention_bias": True}),
    "olmoe, one kv head per head": ("Olmoe", OLMOE | {"num_key_value_heads": 4}),
    "olmoe, scaled RoPE": ("Olmoe", OLMOE | {"rope_parameters": LLAMA3}),
    "qwen3, not normalised": ("Qwen3Moe", QWEN3),
    "qwen3": ("Qwen3Moe", QWEN3 | {"norm_topk_prob": True}),
    "qwen3, tied": ("Qwen3Moe", QWEN3 | {"tie_word_embeddings": True}),
    "qwen3, biases": ("Qwen3Moe", QWEN3 | {"attention_bias": True}),
    "qwen3, a dense layer first": ("Qwen3Moe", QWEN3 | {"mlp_only_layers": [0]}),
    "qwen3, every second layer dense": ("Qwen3Moe", QWEN3 | {"decoder_sparse_step": 2}),
    "qwen3, windows": ("Qwen3Moe", QWEN3 | {"use_sliding_window": True, "sliding_window": 7}),
    "granite": ("GraniteMoe", GRANITE),
    "granite, tied": ("GraniteMoe", GRANITE | {"tie_word_embeddings": True}),
    "granite, biases": ("GraniteMoe", GRANITE | {"attention_bias": True}),
    "granite, shared": ("GraniteMoeShared", GRANITE | {"shared_intermediate_size": 64}),
    "granite, nothing shared": ("GraniteMoeShared", GRANITE | {"shared_intermediate_size": 0}),
    "lfm2": ("Lfm2Moe", LFM2),
    "lfm2, not normalised": ("Lfm2Moe", LFM2 | {"norm_topk_prob": False, "routed_scaling_factor": 1.5}),
    "lfm2, no selection bias": ("Lfm2Moe", LFM2 | {"use_expert_bias": False}),
    "lfm2, biases": ("Lfm2Moe", LFM2 | {"conv_bias": True}),
    "lfm2, four taps": ("Lfm2Moe", LFM2 | {"conv_L_cache": 4}),
    "lfm2, untied": ("Lfm2Moe", LFM2 | {"tie_word_embeddings": False}),
    "lfm2, all blocks routed": ("Lfm2Moe", LFM2 | {"num_dense_layers": 0}),
    "ernie": ("Ernie4_5_Moe", ERNIE),
    "ernie, untied": ("Ernie4_5_Moe", ERNIE | {"tie_word_embeddings": False}),
    "ernie, nothing shared": ("Ernie4_5_Moe", ERNIE | {"moe_num_shared_experts": 0}),
    "ernie, all blocks routed": ("Ernie4_5_Moe", ERNIE | {"moe_layer_start_index": 0}),
    "ernie, every second block routed, not the last": (
        "Ernie4_5_Moe",
        ERNIE | {"num_hidden_layers": 4, "moe_layer_interval": 2, "moe_layer_end_index": 2},
    ),
}


def eager(folder: Path) -> Decoder:
    return build_decoder(open_checkpoint(folder, unpacked=True), REFERENCE, max_context_len=CONTEXT)


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    spread = expected.max() - expected.min()
    assert float((found - expected).abs().max() / spread) < 1e-5


@pytest.mark.parametrize("as_in_memory", [False, True], ids=["released names", "names in memory"])
@pytest.mark.parametrize(("family", "options"), CASES.values(), ids=CASES)
@torch.no_grad()
def test_logits_are_those_of_transformers(
    tmp_path: Path, family: str, options: dict[str, Any], as_in_memory: bool
) -> None:
    model = make_model(family, seed=len(str(options)), **options)
    decoder = eager(save_model(model, tmp_path, as_in_memory=as_in_memory))
    tokens = torch.randint(0, 96, (1, 24), generator=torch.Generator().manual_seed(1))
    expected = model(tokens).logits
    assert_close(decoder.all_logits(tokens, torch.tensor([0])), expected)
    # In pieces, behind what the cache holds of the text before.
    pieces = [
        decoder.all_logits(tokens[:, begin:end], torch.tensor([begin]))
        for begin, end in ((0, 10), (10, 11), (11, 12), (12, 20), (20, 24))
    ]
    assert_close(torch.cat(pieces, dim=1), expected)


@pytest.mark.parametrize("name", ["olmoe", "qwen3, windows", "granite, shared", "lfm2"])
@torch.no_grad()
def test_another_text_begins_anew(tmp_path: Path, name: str) -> None:
    """The caches still hold the first text when the second one starts at position 0."""
    family, options = CASES[name]
    model = make_model(family, **options)
    decoder = eager(save_model(model, tmp_path))
    for seed in range(2):
        tokens = torch.randint(0, 96, (1, 12), generator=torch.Generator().manual_seed(seed))
        assert_close(decoder.all_logits(tokens, torch.tensor([0])), model(tokens).logits)


def test_the_descriptions_cover_every_tensor(tmp_path: Path) -> None:
    """Parameters as transformers counts them; scales, angles and tied heads are none."""
    for index, (family, options) in enumerate(CASES.values()):
        model = make_model(family, **options)
        checkpoint = open_checkpoint(save_model(model, tmp_path / str(index)), unpacked=True)
        buffers = sum(b.numel() for name, b in model.named_buffers() if name.endswith("expert_bias"))
        parameters = sum(tensor.numel() for tensor in model.parameters()) + buffers
        assert sum(checkpoint.tensor(name).numel() for name in checkpoint.specs) == parameters
        assert isinstance(checkpoint.config, DecoderConfig)
