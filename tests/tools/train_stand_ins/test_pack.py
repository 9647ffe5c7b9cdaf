"""A packed stand-in against the trainer's own forward pass."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from mmoe.checkpoints.opening import open_source
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.tokenizers import write_tokenizer
from tools.train_stand_ins.families import STAND_INS
from tools.train_stand_ins.grid import GridModel
from tools.train_stand_ins.pack import write_checkpoint


@pytest.mark.parametrize("name", STAND_INS)
@torch.no_grad()
def test_the_reader_and_the_reference_model_agree_with_the_trainer(name: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    write_tokenizer(tmp_path / "tokenizer")
    layers = {"num_hidden_layers": 3} | (
        {"layer_types": ["conv", "full_attention", "conv"]} if "lfm2" in name else {}
    )
    stand_in = dataclasses.replace(STAND_INS[name], options=STAND_INS[name].options | layers)
    grid = GridModel(
        stand_in.build(vocab_size=320, bos_id=0, eos_ids=[1, 4], seed=0).eval(), stand_in.group_size
    )
    table = grid.model.get_input_embeddings().weight
    table.copy_(table.bfloat16())  # as it is stored
    grid.start_quantization()
    write_checkpoint(grid, tmp_path / "tokenizer", tmp_path / "packed")
    checkpoint = open_source(tmp_path / "packed")
    checkpoint.check_values()
    quantization = checkpoint.config.quantization
    assert quantization is not None
    assert (quantization.group_size, quantization.scale_dtype) == (stand_in.group_size, "float16")
    tokens = torch.randint(0, 320, (1, 40), generator=torch.Generator().manual_seed(1))
    expected = grid(tokens).logits
    found = build_decoder(checkpoint, REFERENCE, max_context_len=40).all_logits(tokens, torch.tensor([0]))
    assert float((found - expected).abs().max() / (expected.max() - expected.min())) < 1e-5
