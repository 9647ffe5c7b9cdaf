"""Logits behind every position, however requests follow each other, against what keeps nothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.evaluation.eager_predictor import EagerPredictor
from mmoe.export.evaluation.predictor import Wanted
from mmoe.export.evaluation.runtime_predictor import RuntimePredictor
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.runner import ModelRunner
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from tests.support.float64_model import Float64Model
from tests.support.transformers_models import make_model, save_model

pytestmark = pytest.mark.slow


def requests(vocab_size: int, count: int) -> list[tuple[list[int], int]]:
    """Ids and from where on they are scored: contexts that share beginnings, some with several ends."""
    rng = random.Random(3)
    trunk = [rng.randrange(vocab_size) for _ in range(30)]
    found = []
    for _ in range(count):
        context = trunk[: rng.randrange(1, 30)] + [rng.randrange(vocab_size) for _ in range(rng.randrange(4))]
        for _ in range(rng.randrange(1, 4)):
            end = [rng.randrange(vocab_size) for _ in range(rng.randrange(4))]
            found.append((context + end, len(context)))
    return found


def test_an_artifacts_logits_are_the_stock_runtimes(demo_artifact: Artifact, model: Model) -> None:
    runner = ModelRunner(demo_artifact.model_path)
    with RuntimePredictor(model) as predictor:
        assert predictor.max_context_len == 512
        for ids, first in requests(model.info.vocab_size, 12):
            runner.reset()
            rows = [runner.decode(token) for token in ids]
            assert np.array_equal(list(predictor.logits(ids, first)), rows[first - 1 :])
            predictor.generate(ids, Wanted(stop=(), max_new_tokens=2, sampling=SamplingConfig()))


def test_a_checkpoints_logits_are_those_of_float64(tiny_checkpoint: Path) -> None:
    decoder = build_decoder(open_checkpoint(tiny_checkpoint), REFERENCE, max_context_len=64)
    predictor = EagerPredictor(decoder, stop_ids=(), text_of=str)
    oracle = Float64Model(tiny_checkpoint)
    for ids, first in requests(decoder.config.vocab_size, 4):
        expected = oracle.logits(ids)[first - 1 :]
        found = np.array(list(predictor.logits(ids, first)))
        assert np.abs(found - expected).max() < 1e-4 * np.ptp(expected)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("Qwen3Moe", {"use_sliding_window": True, "sliding_window": 7, "moe_intermediate_size": 32}),
        (
            "Lfm2Moe",
            {
                "intermediate_size": 96,
                "moe_intermediate_size": 32,
                "num_experts": 8,
                "num_dense_layers": 1,
                "layer_types": ["conv", "full_attention"],
            },
        ),
    ],
)
@torch.no_grad()
def test_windows_and_convolutions_forget_nothing(
    tmp_path: Path, family: str, options: dict[str, object]
) -> None:
    oracle = make_model(family, **options)
    checkpoint = open_checkpoint(save_model(oracle, tmp_path), unpacked=True)
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=64)
    predictor = EagerPredictor(decoder, stop_ids=(), text_of=str)
    for ids, first in requests(96, 12):
        expected = oracle(torch.tensor([ids])).logits[0, first - 1 :].numpy()
        found = np.array(list(predictor.logits(ids, first)))
        assert np.abs(found - expected).max() < 1e-4 * np.ptp(expected)


@torch.no_grad()
def test_a_checkpoint_answers_greedily(tiny_checkpoint: Path) -> None:
    decoder = build_decoder(open_checkpoint(tiny_checkpoint), REFERENCE, max_context_len=64)
    ids = prompt = [5, 9, 200]
    for _ in range(10):
        logits = decoder.all_logits(torch.tensor([ids]), torch.tensor([0]))
        ids = [*ids, int(logits[0, -1].argmax())]
    expected = ids[3:]

    def answer(*, stop: tuple[str, ...] = (), stop_ids: tuple[int, ...] = (), tokens: int = 10) -> str:
        predictor = EagerPredictor(
            decoder, stop_ids=stop_ids, text_of=lambda chosen: "".join(f"<{each}>" for each in chosen)
        )
        return predictor.generate(prompt, Wanted(stop=stop, max_new_tokens=tokens, sampling=SamplingConfig()))

    def text(count: int) -> str:
        return "".join(f"<{each}>" for each in expected[:count])

    assert answer() == text(10)
    assert answer(tokens=4) == text(4)
    ending = expected[6]
    assert answer(stop_ids=(ending,)) == text(expected.index(ending))
    assert answer(stop=("no such text", f"{ending}>")) == text(expected.index(ending)) + "<"
    with pytest.raises(OptionError, match="samples"):
        EagerPredictor(decoder, stop_ids=(), text_of=str).generate(
            prompt, Wanted(stop=(), max_new_tokens=1, sampling=SamplingConfig(temperature=1))
        )
