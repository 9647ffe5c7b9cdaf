"""The dense architecture with sliding windows as a program: its caches are rings, and nobody can tell."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.backends import program_schema as schema
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.xnnpack.declaration import KvCache, Linears
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.checkpoints import dense_overrides, write_checkpoint

pytestmark = pytest.mark.slow

CONTEXT, CHUNK, WINDOW, RING = 1024, 150, 100, 256


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kinds = ["sliding_attention", "full_attention"]
    changes = dense_overrides(sliding_window=WINDOW, num_hidden_layers=2, layer_types=kinds)
    return write_checkpoint(tmp_path_factory.mktemp("window") / "checkpoint", changes, seed=8)


def converted(checkpoint: Path, target: Path, linears: Linears, kv_cache: KvCache) -> Artifact:
    options = ConvertOptions(
        max_seq_len=CHUNK, max_context_len=CONTEXT, backend_options={"linears": linears, "kv_cache": kv_cache}
    )
    return convert(checkpoint, target, options=options)


@pytest.fixture(scope="module")
def artifact(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    target = tmp_path_factory.mktemp("window") / "artifact"
    return converted(checkpoint_folder, target, Linears.MMOE, KvCache.INT8)


@pytest.fixture(scope="module")
def runner(artifact: Artifact) -> ModelRunner:
    return ModelRunner(artifact.model_path)


def some_ids(count: int) -> list[int]:
    ids: list[int] = torch.randint(0, 320, (count,), generator=torch.Generator().manual_seed(2)).tolist()
    return ids


@pytest.mark.parametrize(
    ("linears", "kv_cache"),
    [
        pytest.param(Linears.MMOE, KvCache.FLOAT32, marks=pytest.mark.slow),
        (Linears.MMOE, KvCache.INT8),
        pytest.param(Linears.XNNPACK, KvCache.FLOAT16, marks=pytest.mark.slow),
    ],
)
def test_long_texts_agree_with_eager_float32(
    checkpoint_folder: Path, tmp_path: Path, linears: Linears, kv_cache: KvCache
) -> None:
    """700 tokens are seven windows and almost three rings; the reference keeps every row and masks."""
    ids = some_ids(700)
    reference = build_decoder(open_checkpoint(checkpoint_folder), REFERENCE, max_context_len=CONTEXT)
    with torch.no_grad():
        expected = reference.all_logits(torch.tensor([ids]), torch.zeros(1, dtype=torch.int64))[0].numpy()
    found = ModelRunner(converted(checkpoint_folder, tmp_path / "a", linears, kv_cache).model_path)
    for end in (1, 99, 101, 255, 256, 257, 400, 513, 700):
        logits = found.prefill(ids[found.position : end])
        noise = np.square(logits - expected[end - 1]).sum() / np.square(expected[end - 1]).sum()
        # int8 activations cost about this much; attention that missed or kept a key would cost 20 dB more.
        assert -10 * np.log10(noise) > 25, end


def test_any_split_gives_the_same_bits(runner: ModelRunner) -> None:
    ids = some_ids(600)
    runner.reset()
    expected = runner.prefill(ids)
    for cuts in ((1, 2, 130, 131, 280, 300, 450), tuple(range(1, 600))):
        runner.reset()
        for begin, end in zip((0, *cuts), (*cuts, 600), strict=True):
            found = runner.prefill(ids[begin:end])
        np.testing.assert_array_equal(found, expected)


def test_windowed_layers_keep_a_ring(runner: ModelRunner, artifact: Artifact) -> None:
    program = ProgramFile(artifact.model_path)
    rows = []
    for call in program.kernel_calls("forward"):
        if call.operator.startswith("mmoe::attention"):
            scales = call.arguments[8]  # of the int8 keys, [1, heads, rows]
            assert isinstance(scales, schema.Tensor)
            rows.append((call.operator, scales.sizes[2]))
    windowed, full = ("mmoe::attention_window_int8.out", RING), ("mmoe::attention_int8.out", CONTEXT)
    assert rows == [windowed, full]
    assert (runner.metadata.sliding_window, runner.metadata.window_rows) == (WINDOW, RING)


def test_going_back_is_right_as_far_as_the_ring_reaches_and_refused_beyond(runner: ModelRunner) -> None:
    ids = some_ids(600)
    runner.reset()
    runner.prefill(ids[:444])
    expected = runner.prefill(ids[444:460])
    runner.prefill(ids[460:600])
    furthest = 600 - RING + WINDOW - 1
    assert furthest == 443
    with pytest.raises(RuntimeFailure, match=r"position 442 is too far back.*the furthest is 443.*at 0"):
        runner.truncate(furthest - 1)
    runner.truncate(444)
    np.testing.assert_array_equal(runner.prefill(ids[444:460]), expected)
    # What was lost stays lost, however short the context is now.
    with pytest.raises(RuntimeFailure, match="too far back"):
        runner.forward(ids[442:460], 442)
    runner.truncate(0)
    runner.prefill(ids[:200])
    runner.truncate(3)
    assert runner.position == 3


def test_mlx_says_that_it_cannot(checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="mlx backend has no sliding-window attention"):
        convert(checkpoint_folder, tmp_path / "a", options=ConvertOptions(backend="mlx"))
    assert not (tmp_path / "a").exists()
