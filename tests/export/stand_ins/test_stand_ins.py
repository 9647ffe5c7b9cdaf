"""Trained models of public families: they have learnt, and their artifacts keep the default limits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmoe.checkpoints.opening import open_source
from mmoe.export.convert.convert import convert
from mmoe.export.verify.ladder import verify
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.extended import mostly_extended
from tests.support.stand_ins import FOLDER, NAMES, held_out_ids, in_transformers


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_eager_logits_are_those_of_transformers_and_have_learnt_the_text(name: str, tmp_path: Path) -> None:
    """The weights by `compressed-tensors`' own reading, the forward pass by `transformers`."""
    folder = FOLDER / name
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 2_000_000
    ids = torch.tensor([held_out_ids(folder, 300)])
    decoder = build_decoder(open_source(folder), REFERENCE, max_context_len=ids.shape[1])
    logits = decoder.all_logits(ids, torch.tensor([0]))
    expected = in_transformers(name, tmp_path)(ids).logits
    assert float((logits - expected).abs().max() / (expected.max() - expected.min())) < 1e-5
    # Knowing only how often each token is gives 415 on the whole of the text.
    assert math.exp(cross_entropy(logits[0, :-1], ids[0, 1:])) < 100


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_extended(NAMES, always=("lfm2_moe",)))
def test_verification_passes_with_the_default_limits(name: str, tmp_path: Path) -> None:
    artifact = convert(FOLDER / name, tmp_path / "artifact")
    report = verify(artifact, FOLDER / name)
    assert report.tokens == 2048  # no allowance for a short text
    assert [gate.describe() for stage in report.stages for gate in stage.gates if not gate.passed] == []
    assert report.passed
    assert report.expert_weights is not None
    assert report.expert_weights.passed
    assert report.expert_weights.tensors == 16
