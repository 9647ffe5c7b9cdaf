"""Programs that the tests of this backend share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.demo.bundled import bundled_checkpoint
from tests.support.checkpoints import write_checkpoint
from tests.support.shared import made_once


@pytest.fixture(scope="session")
def mlx_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint with a dense layer, a layer without RoPE and QK-norm, and unscaled routing weights."""
    overrides = {
        "num_hidden_layers": 3,
        "no_rope_layers": [1, 0, 1],
        "interleave_moe_layer_step": 2,
        "num_local_experts": 5,
        "norm_topk_prob": False,
    }
    return write_checkpoint(tmp_path_factory.mktemp("mlx") / "checkpoint", overrides, seed=3)


@pytest.fixture(scope="session")
def mlx_artifact(mlx_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """`mlx_checkpoint` with float32 activations, a chunk of 16 tokens in a context of 64; read only."""
    options = ConvertOptions(
        backend="mlx", max_seq_len=16, max_context_len=64, backend_options={"activations": "float32"}
    )
    return Artifact.open(
        made_once(
            tmp_path_factory, "mlx/artifact", lambda folder: convert(mlx_checkpoint, folder, options=options)
        )
    )


@pytest.fixture(scope="session")
def mlx_demo_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The bundled trained checkpoint with float32 activations; read only."""
    options = ConvertOptions(backend="mlx", backend_options={"activations": "float32"})
    return Artifact.open(
        made_once(
            tmp_path_factory,
            "mlx/demo",
            lambda folder: convert(bundled_checkpoint(), folder, options=options),
        )
    )
