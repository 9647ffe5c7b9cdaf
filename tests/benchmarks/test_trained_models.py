"""The trained stand-ins as GGUF files: read back bit for bit, and computed as `transformers` does with their values."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import pytest
import torch

from benchmarks.llama_cpp.trained_models import write_trained_gguf
from mmoe.checkpoints.gguf.opened import open_gguf
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.quant.int4 import unpack_nibbles
from tests.support.stand_ins import NAMES, held_out_ids, in_transformers


def q4_0(data: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]:
    """Integers ``[..., inputs]`` and scales of blocks of 18 bytes, byte by byte."""
    blocks = data.reshape(*data.shape[:-1], -1, 18)
    integers = np.zeros((*blocks.shape[:-1], 32), np.int64)
    for byte in range(16):
        integers[..., byte] = (blocks[..., 2 + byte] & 15).astype(np.int64) - 8
        integers[..., byte + 16] = (blocks[..., 2 + byte] >> 4).astype(np.int64) - 8
    scales = np.ascontiguousarray(blocks[..., :2]).view("<f2")[..., 0]
    return integers.reshape(*data.shape[:-1], -1), scales


@pytest.mark.parametrize("name", NAMES)
def test_experts_keep_every_bit_and_logits_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    values = write_trained_gguf(path, name)
    checkpoint = open_gguf(path)
    raw = {tensor.name: tensor.data for tensor in gguf.GGUFReader(path).tensors}
    for layer, block in checkpoint.config.expert_blocks.items():
        experts = f"model.layers.{layer}.feed_forward.experts."
        for ours, theirs in (("gate_up", ("gate", "up")), ("down", ("down",))):
            parts = [q4_0(raw[f"blk.{layer}.ffn_{part}_exps.weight"]) for part in theirs]
            integers, scales = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
            assert len(integers) == block.num_experts
            found = unpack_nibbles(checkpoint.tensor(f"{experts}{ours}_qweight")).numpy()
            np.testing.assert_array_equal(found, integers)
            stored = checkpoint.tensor(f"{experts}{ours}_scale").numpy()
            np.testing.assert_array_equal(stored.view(np.uint16), scales.view(np.uint16))
    (tmp_path / "unpacked").mkdir()
    model = in_transformers(name, tmp_path / "unpacked")
    model.load_state_dict({key: torch.from_numpy(each) for key, each in values.items()}, strict=False)
    tokens = torch.tensor([held_out_ids(checkpoint.folder, 40)])
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=40)
    with torch.no_grad():
        expected = model(tokens).logits
        logits = decoder.all_logits(tokens, torch.zeros(1, dtype=torch.int64))
    spread = expected.max() - expected.min()
    assert float((logits - expected).abs().max() / spread) < 1e-5
