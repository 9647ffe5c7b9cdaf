"""The variant's arithmetic in PyTorch, which is all of it that runs without an Apple device."""

from __future__ import annotations

from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.backends.coreml.coreml_components import COREML_COMPONENTS, unpack_bytes
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.quant.int4 import dequantize
from tests.backends.coreml.conftest import CONTEXT


def test_every_byte_is_unpacked_exactly() -> None:
    qweight = torch.arange(256, dtype=torch.uint8).view(16, 16)
    scale = torch.full((16, 1), 0.5, dtype=torch.float16)
    assert torch.equal(unpack_bytes(qweight, scale).float(), dequantize(qweight, scale))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_unpacked_values_are_the_nearest_float16(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    qweight = torch.randint(0, 256, (3, 32), dtype=torch.uint8, generator=generator)
    scale = torch.randn(3, 2, generator=generator).mul(0.02).half()
    assert torch.equal(unpack_bytes(qweight, scale), dequantize(qweight, scale).half())


def test_a_chunk_and_single_tokens_agree_with_float32(coreml_checkpoint: Path) -> None:
    checkpoint = open_checkpoint(coreml_checkpoint)
    tokens = torch.randint(
        0, checkpoint.config.vocab_size, (1, 20), generator=torch.Generator().manual_seed(5)
    )
    reference = build_decoder(checkpoint, REFERENCE, max_context_len=CONTEXT)
    chunked = build_decoder(checkpoint, COREML_COMPONENTS, max_context_len=CONTEXT)
    stepped = build_decoder(checkpoint, COREML_COMPONENTS, max_context_len=CONTEXT)
    with torch.no_grad():
        expected = reference.all_logits(tokens, torch.zeros(1, dtype=torch.int64))[0]
        chunk = chunked.all_logits(tokens, torch.zeros(1, dtype=torch.int64))[0]
        steps = torch.cat([stepped(tokens[:, t : t + 1], torch.tensor([t])) for t in range(20)])
    for found in (chunk, steps):
        noise = (found - expected).square().sum() / expected.square().sum()
        assert -10 * torch.log10(noise) > 40  # float16 activations
