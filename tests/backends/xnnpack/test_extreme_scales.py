"""Scales that a checkpoint may hold and a delegate may refuse: zero, subnormal, the largest; and what is dead."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmoe.backends.registry import load_backend
from mmoe.backends.xnnpack.declaration import Linears
from mmoe.backends.xnnpack.delegated_components import delegated_linear
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.models.architectures.registry import parse_config
from mmoe.models.decoder import build_decoder
from mmoe.quant.int4 import dequantize
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.checkpoints import checkpoint_config, random_tensors, write_config, write_tensors
from tests.support.tokenizers import write_tokenizer

LARGEST, SMALLEST = torch.finfo(torch.float16).max, 2.0**-24
LAYER = "model.layers.0."


def write_extreme_checkpoint(folder: Path) -> Path:
    """A small model with every extreme; the largest scales are in queries, which are normalised."""
    config = checkpoint_config()
    tensors = random_tensors(parse_config(config, where="the test's config"), seed=5)
    q_proj = tensors[LAYER + "self_attn.q_proj.weight_scale"]
    q_proj[0, 0], q_proj[1, 0], q_proj[2, 0], q_proj[3, 1] = 0.0, -0.0, SMALLEST, LARGEST
    tensors[LAYER + "self_attn.o_proj.weight_scale"][5] = 0.0
    tensors[LAYER + "feed_forward.shared_expert.down_proj.weight_scale"][:] = 0.0
    tensors["model.embed_tokens.weight_scale"][7] = 0.0
    tensors["model.embed_tokens.weight_scale"][8] = SMALLEST
    tensors[LAYER + "feed_forward.experts.gate_up_scale"][1] = 0.0
    tensors[LAYER + "feed_forward.experts.down_scale"][2] = SMALLEST
    tensors[LAYER + "feed_forward.experts.down_scale"][3, 4] = 0.0
    folder.mkdir()
    write_config(folder, config)
    write_tensors(folder, tensors)
    write_tokenizer(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("linears", Linears)
def test_extreme_scales_load_and_run(tmp_path: Path, linears: Linears) -> None:
    folder = write_extreme_checkpoint(tmp_path / "checkpoint")
    options = {"linears": linears}
    artifact = convert(folder, tmp_path / "artifact", options=ConvertOptions(backend_options=options))
    components = load_backend("xnnpack", options).components
    if linears is Linears.XNNPACK:
        # The one rounding that XNNPACK adds.
        components = dataclasses.replace(
            components, linear=lambda qweight, scale: delegated_linear(qweight, scale.bfloat16())
        )
    decoder = build_decoder(open_checkpoint(folder), components, max_context_len=64)
    # Token 7, an embedding of zeros, is not among them: where all inputs are zero, XNNPACK's correction of the zero
    # point leaves float32 noise instead of zero.
    ids = torch.tensor([[0, 8, 100, 200, 5, 6, 319]])
    with torch.no_grad():
        expected = decoder.all_logits(ids, torch.zeros(1, dtype=torch.int64))[0]
    runner = ModelRunner(artifact.model_path)
    actual = torch.stack([torch.from_numpy(runner.decode(token)) for token in ids[0].tolist()])
    assert torch.isfinite(actual).all()
    assert (actual[:, 7] == 0).all()  # a dead row of the head
    noise = (actual - expected).square().sum(dim=-1) / expected.square().sum(dim=-1)
    # Float32 rounding leaves 130 dB, until it flips one rounding to int8; see test_program.py.
    assert (-10 * torch.log10(noise)).median() > 100


def test_delegated_weights_are_the_checkpoints() -> None:
    scale = torch.tensor([[0.0, -0.0, SMALLEST], [LARGEST, 1.0, 0.5]], dtype=torch.float16)
    qweight = torch.randint(0, 256, (2, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    weight = delegated_linear(qweight, scale).weight
    assert isinstance(weight.scale, Tensor)
    assert (weight.scale > 0).all()
    assert torch.equal(weight.dequantize(), dequantize(qweight, scale))
