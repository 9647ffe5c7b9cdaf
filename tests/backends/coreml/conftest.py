"""The program that the tests of this backend share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from tests.support.checkpoints import write_checkpoint
from tests.support.shared import made_once

CHUNK, CONTEXT = 8, 32


@pytest.fixture(scope="session")
def coreml_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint with a dense layer, a layer without RoPE and QK-norm, and unscaled routing weights."""
    overrides = {
        "num_hidden_layers": 3,
        "no_rope_layers": [1, 0, 1],
        "interleave_moe_layer_step": 2,
        "num_local_experts": 5,
        "norm_topk_prob": False,
    }
    return write_checkpoint(tmp_path_factory.mktemp("coreml") / "checkpoint", overrides, seed=3)


@pytest.fixture(scope="session")
def coreml_artifact(coreml_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """`coreml_checkpoint` with a chunk of 8 tokens in a context of 32; read only."""
    options = ConvertOptions(backend="coreml", max_seq_len=CHUNK, max_context_len=CONTEXT)
    return Artifact.open(
        made_once(
            tmp_path_factory,
            "coreml/artifact",
            lambda folder: convert(coreml_checkpoint, folder, options=options),
        )
    )
