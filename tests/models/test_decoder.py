"""The eager decoder against the float64 oracle, for every variation of the config."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.models.decoder import Decoder, build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.checkpoints import dense_overrides, write_checkpoint
from tests.support.float64_model import Float64Model

SMOOTH_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "original_max_position_embeddings": 64,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}
VARIATIONS: dict[str, dict[str, object]] = {
    "released form": {},
    "no RoPE on the second layer": {"no_rope_layers": [1, 0]},
    "dense layer between": {"interleave_moe_layer_step": 2},
    "no QK-norm": {"use_qk_norm": False},
    "plain RoPE": {"rope_scaling": None},
    "smoothed RoPE": {"rope_scaling": SMOOTH_ROPE},
    "one expert": {"num_local_experts": 1, "num_experts_per_tok": 1},
    "all experts": {"num_local_experts": 5, "num_experts_per_tok": 5},
    "unnormalised weights": {"norm_topk_prob": False, "routed_scaling_factor": 0.7},
    "gate and up share a group": {"intermediate_size": 48},
    "multi-query": {"num_key_value_heads": 1},
}


def decode(decoder: Decoder, tokens: torch.Tensor, chunk: int) -> torch.Tensor:
    """Feeds ``[1, T]`` tokens in chunks through the KV cache; returns all logits ``[T, V]``."""
    with torch.no_grad():
        outputs = [
            decoder.all_logits(tokens[:, start : start + chunk], torch.tensor([start]))
            for start in range(0, tokens.shape[1], chunk)
        ]
    return torch.cat(outputs, dim=1)[0]


@pytest.mark.parametrize("name", VARIATIONS)
def test_matches_float64_oracle(tmp_path: Path, name: str) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", VARIATIONS[name], seed=3)
    decoder = build_decoder(open_checkpoint(folder), REFERENCE, max_context_len=32)
    tokens = torch.randint(0, 320, (1, 24), generator=torch.Generator().manual_seed(5))
    expected = Float64Model(folder).logits(tokens[0].tolist())
    spread = float(np.abs(expected).max())
    for chunk in (24, 7, 1):
        error = np.abs(decode(decoder, tokens, chunk).numpy() - expected).max()
        assert error < 2e-5 * spread, f"chunks of {chunk}"


@pytest.mark.parametrize("chunks", [(400,), (1,) * 20 + (130, 7, 157, 86)], ids=["at once", "uneven chunks"])
def test_windows_match_the_float64_oracle_beyond_the_ring(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", dense_overrides(), seed=4)
    decoder = build_decoder(open_checkpoint(folder), REFERENCE, max_context_len=512, max_seq_len=max(chunks))
    rows = [layer.mixer.attend.key_cache.shape[2] for layer in decoder.layers]
    assert rows == ([512, 512, 512, 512] if len(chunks) == 1 else [512, 256, 256, 512])
    tokens = torch.randint(0, 320, (1, sum(chunks)), generator=torch.Generator().manual_seed(6))
    expected = Float64Model(folder).logits(tokens[0].tolist())
    start, outputs = 0, []
    with torch.no_grad():
        for chunk in chunks:
            part = tokens[:, start : start + chunk]
            outputs.append(decoder.all_logits(part, torch.tensor([start]))[0])
            start += chunk
    error = np.abs(torch.cat(outputs).numpy() - expected).max()
    assert error < 2e-5 * float(np.abs(expected).max())


def test_forward_returns_the_last_row(tmp_path: Path) -> None:
    decoder = build_decoder(
        open_checkpoint(write_checkpoint(tmp_path / "checkpoint")), REFERENCE, max_context_len=16
    )
    tokens, start = torch.tensor([[5, 9, 200]]), torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        torch.testing.assert_close(decoder(tokens, start), decoder.all_logits(tokens, start)[:, -1])


def test_position_zero_is_a_reset(tmp_path: Path) -> None:
    decoder = build_decoder(
        open_checkpoint(write_checkpoint(tmp_path / "checkpoint")), REFERENCE, max_context_len=16
    )
    first, other = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[300, 40, 17, 8, 99]])
    expected = decode(decoder, first, 4)
    decode(decoder, other, 5)
    torch.testing.assert_close(decode(decoder, first, 2), expected)


def test_context_overflow_is_refused(tmp_path: Path) -> None:
    decoder = build_decoder(
        open_checkpoint(write_checkpoint(tmp_path / "checkpoint")), REFERENCE, max_context_len=4
    )
    with pytest.raises(ValueError, match="do not fit a context of 4"):
        decoder.all_logits(torch.zeros(1, 5, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
