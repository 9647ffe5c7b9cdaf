"""Trained models of public families as MLX programs: replayed in float32, and their experts read back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.backends.mlx.payload import DelegateFile
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.opening import open_source
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert, dry_run
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.extended import mostly_extended
from tests.support.int4_folders import write_compressed_tensors, write_gptq
from tests.support.stand_ins import FOLDER, NAMES, held_out_ids

FLOAT32 = {"activations": "float32"}
CHUNK = 32


def converted(source: Path, folder: Path) -> Artifact:
    return convert(
        source, folder, options=ConvertOptions(backend="mlx", backend_options=FLOAT32, max_seq_len=CHUNK)
    )


def assert_computes(artifact: Artifact, source: Path, ids: list[int]) -> None:
    """Chunks of every kind, single tokens and a second text, against eager float32; and the experts bit for bit."""
    checkpoint = open_source(source)
    expected = build_decoder(checkpoint, REFERENCE, max_context_len=len(ids)).all_logits(
        torch.tensor([ids]), torch.tensor([0])
    )[0]
    runner = load_backend("mlx", FLOAT32).open_runner(artifact.model_path)
    for _ in range(2):  # the caches still hold the first text when the second one begins
        runner.reset()
        rows, ends = [], (30, 31, 33, 34, 50, 54)  # few and many tokens at a time
        for begin, end in zip((0, *ends), ends, strict=False):
            rows.append(runner.prefill(ids[begin:end]))
        rows += [runner.decode(token) for token in ids[ends[-1] :]]
        places = [end - 1 for end in ends] + list(range(ends[-1], len(ids)))
        noise = (torch.from_numpy(np.stack(rows)) - expected[places]).square().sum()
        assert 10 * torch.log10(expected[places].square().sum() / noise) > 100
    proof = prove_expert_weights(
        checkpoint, load_backend("mlx").read_experts(ProgramFile(artifact.model_path))
    )
    assert proof is not None
    assert proof.passed


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_extended(NAMES, always=("lfm2_moe",)))
def test_a_replay_computes_what_float32_does(name: str, tmp_path: Path) -> None:
    artifact = converted(FOLDER / name, tmp_path / "artifact")
    assert_computes(artifact, FOLDER / name, held_out_ids(FOLDER / name, 60))
    chains = DelegateFile(ProgramFile(artifact.model_path)).delegate.chains
    products = [i for chain in chains for i in chain if i.name == "GatherQmmNode"]
    assert all(product.fields["transpose"] is True for product in products)
    sizes = {"granitemoeshared": 128, "qwen3_moe": 64}
    assert {product.fields["group_size"] for product in products} == {sizes.get(name, 32)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "write",
    [
        partial(write_compressed_tensors, group=64, symmetric=False, scale_dtype=torch.float32),
        partial(write_gptq, group=128, symmetric=False),
    ],
    ids=["scales in float32", "scales in float16"],
)
def test_zero_points(write: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    write(tmp_path / "source")
    artifact = converted(tmp_path / "source", tmp_path / "artifact")
    ids = torch.randint(0, 288, (60,), generator=torch.Generator().manual_seed(0)).tolist()
    assert_computes(artifact, tmp_path / "source", ids)


def test_float16_activations_refuse_scales_that_they_would_round(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    write_compressed_tensors(tmp_path / "source", group=32, scale_dtype=torch.float32)
    with pytest.raises(OptionError, match="expert scales in float32"):
        dry_run(tmp_path / "source", tmp_path / "out", options=ConvertOptions(backend="mlx"))
