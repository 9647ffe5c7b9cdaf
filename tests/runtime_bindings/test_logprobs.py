"""Log-probabilities, bias and penalties of a session on the bundled model, against float64 NumPy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session

PROMPT = "And the LORD spake unto Moses, saying,"


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


def test_they_are_the_softmax_whatever_the_sampling(model: Model) -> None:
    sampling = SamplingConfig(
        temperature=1.5, top_k=30, repetition_penalty=1.2, frequency_penalty=0.5, seed=3
    )
    with Session(model, sampling) as session:
        session.prompt(model.tokenize(PROMPT))
        session.set_logit_bias({5: 1.0})
        for _ in range(20):
            step = session.next()
            logits = session.logits().astype(np.float64)
            expected = logits - logits.max() - math.log(np.exp(logits - logits.max()).sum())
            chosen, best = session.logprobs(top=7)
            assert chosen.id == step.id
            assert chosen.logprob == pytest.approx(expected[step.id], abs=1e-6)
            order = np.lexsort((np.arange(len(logits)), -logits))[:7]
            assert [each.id for each in best] == order.tolist()
            assert [each.logprob for each in best] == pytest.approx(expected[order].tolist(), abs=1e-6)


def test_all_of_the_vocabulary_adds_up_to_one(model: Model) -> None:
    with Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        session.next()
        _, best = session.logprobs(top=model.info.vocab_size)
        assert math.fsum(math.exp(each.logprob) for each in best) == pytest.approx(1, abs=1e-4)
        with pytest.raises(CoreFailure) as failure:
            session.logprobs(top=model.info.vocab_size + 1)
        assert failure.value.status is Status.INVALID_ARGUMENT


def test_there_are_none_before_a_token_is_chosen(model: Model) -> None:
    with Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        with pytest.raises(CoreFailure, match="no token was chosen"):
            session.logprobs()


def test_a_session_counts_the_tokens_that_it_has_chosen(model: Model) -> None:
    """The prompt's do not count; a new prompt begins again."""
    config = SamplingConfig(frequency_penalty=0.7, presence_penalty=0.3)
    with Session(model, config) as session:
        for _ in range(2):
            session.prompt(model.tokenize("In the beginning"))
            counts: Counter[int] = Counter()
            for _ in range(30):
                step = session.next()
                scores = session.logits().astype(np.float64)
                for token, count in counts.items():
                    scores[token] -= count * float(np.float32(0.7)) + float(np.float32(0.3))
                assert step.id == int(np.argmax(scores))
                counts[step.id] += 1
            assert max(counts.values()) > 1


def test_a_bias_stays_until_it_is_replaced(model: Model) -> None:
    with Session(model) as session:
        session.prompt(model.tokenize("In the beginning"))
        free = session.next().id
        session.set_logit_bias({free: -math.inf})
        session.set_sampling(SamplingConfig())
        session.reset()
        session.prompt(model.tokenize("In the beginning"))
        logits = session.logits()
        logits[free] = -np.inf
        assert session.next().id == int(np.argmax(logits))
        session.set_logit_bias({})
        session.prompt(model.tokenize("In the beginning"))
        assert session.next().id == free
        with pytest.raises(CoreFailure, match="outside the vocabulary"):
            session.set_logit_bias({model.info.vocab_size: 1.0})
