"""The parts of the comparison with llama.cpp that need no llama.cpp."""

import math
import os
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.llama_cpp import neighbours
from benchmarks.llama_cpp.model import gguf_tensors, random_blocks
from benchmarks.llama_cpp.neighbours import undisturbed
from mmoe.export.config import MobileMoEConfig
from mmoe.export.inventory import expected_tensors
from mmoe.export.synthesize.sizes import ModelSize, released_config


@pytest.mark.parametrize("size", ModelSize)
def test_the_gguf_has_the_bytes_and_the_multiply_adds_of_the_model(size: ModelSize) -> None:
    config = MobileMoEConfig.from_dict(released_config(size), where=size)
    shapes = dict(gguf_tensors(config))
    quantized = sum(math.prod(shape) // 32 * 18 for shape, packed in shapes.values() if packed)
    packed = sum(spec.num_bytes for spec in expected_tensors(config).values() if spec.dtype in ("U8", "F16"))
    assert quantized == packed
    parameters = sum(math.prod(shape) for shape, packed in shapes.values() if packed)
    assert parameters == sum(
        2 * spec.num_bytes for spec in expected_tensors(config).values() if spec.dtype == "U8"
    )


def test_blocks_are_q4_0_and_keep_the_size_of_outputs() -> None:
    blocks = random_blocks((64, 256), np.random.default_rng(0)).reshape(-1, 18)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float64)
    low, high = (blocks[:, 2:] & 15).astype(int) - 8, (blocks[:, 2:] >> 4).astype(int) - 8
    weights = (np.concatenate([low, high], axis=1) * scales).reshape(64, 256)
    outputs = weights @ np.random.default_rng(1).standard_normal((256, 100))
    assert outputs.std() == pytest.approx(1.0, rel=0.1)


def test_disturbed_samples_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0, "busy": 0.0}
    cpus = os.cpu_count() or 1
    # (what is measured, share of the CPUs that others use)
    script: Iterator[tuple[float, float]] = iter([(1.0, 0.5), (2.0, 0.3), (3.0, 0.05), (4.0, 0.0)])

    def sample() -> float:
        value, others = next(script)
        clock["now"] += 1.0
        clock["busy"] += others * cpus
        return value

    monkeypatch.setattr(neighbours, "_busy_seconds", lambda: clock["busy"])
    monkeypatch.setattr(neighbours, "_own_seconds", lambda pid: 0.0)
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: clock["now"])
    value, share = undisturbed(sample, pid=1, limit=0.1, attempts=5, pause=0.0)
    assert (value, share) == (3.0, pytest.approx(0.05))
    # The best of what there was, if none was good.
    script = iter([(5.0, 0.4), (6.0, 0.2)])
    assert undisturbed(sample, pid=1, limit=0.1, attempts=2, pause=0.0) == (6.0, pytest.approx(0.2))


def test_cpu_times_are_read() -> None:
    assert neighbours._busy_seconds() > 0
    assert neighbours._own_seconds(os.getpid()) > 0
