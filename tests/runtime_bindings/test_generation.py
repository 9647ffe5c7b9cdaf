"""Generation on a model that counts upwards."""

import numpy as np
import pytest

from mmoe.runtime_bindings.python.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python.generation import StopReason, generate
from mmoe.runtime_bindings.python.sampling import SamplingConfig

VOCAB = 16


class CountingModel:
    """Its likeliest next token is always the last one plus one."""

    def __init__(self, max_context_len: int = 100) -> None:
        self.max_context_len = max_context_len
        self.context: list[int] = []

    @property
    def position(self) -> int:
        return len(self.context)

    def prefill(self, ids):
        if len(self.context) + len(ids) > self.max_context_len:
            raise RuntimeFailure("does not fit")
        self.context += ids
        return np.eye(VOCAB, dtype=np.float32)[(ids[-1] + 1) % VOCAB]

    def decode(self, token_id):
        return self.prefill([token_id])


def test_tokens_up_to_the_limit():
    model = CountingModel()
    generation = generate(model, [5, 6], max_new_tokens=3)
    assert list(generation) == [7, 8, 9]
    assert model.context == [5, 6, 7, 8]
    assert generation.stats.stop_reason is StopReason.MAX_NEW_TOKENS
    assert (generation.stats.prompt_tokens, generation.stats.new_tokens, generation.stats.decode_steps) == (
        2,
        3,
        2,
    )


def test_a_stop_token_ends_it_and_is_not_handed_out():
    generation = generate(CountingModel(), [5], stop_ids=[9, 12])
    assert list(generation) == [6, 7, 8]
    assert generation.stats.stop_reason is StopReason.STOP_TOKEN
    assert generation.stats.new_tokens == 3
    assert next(generation, None) is None


def test_a_stop_token_may_come_first():
    generation = generate(CountingModel(), [5], stop_ids=[6])
    assert list(generation) == []
    assert generation.stats.stop_reason is StopReason.STOP_TOKEN


def test_the_context_end_stops_it():
    model = CountingModel(max_context_len=5)
    generation = generate(model, [0, 1, 2])
    # Rows 3 and 4 take tokens 3 and 4; token 5 is known, but there is no row for it.
    assert list(generation) == [3, 4, 5]
    assert model.position == 5
    assert generation.stats.stop_reason is StopReason.CONTEXT_FULL


def test_a_prompt_that_fills_the_context_still_gives_one_token():
    generation = generate(CountingModel(max_context_len=3), [0, 1, 2])
    assert list(generation) == [3]


def test_no_new_tokens_runs_nothing():
    model = CountingModel()
    generation = generate(model, [1], max_new_tokens=0)
    assert list(generation) == []
    assert model.context == []


def test_a_generation_continues_the_context_of_the_model():
    model = CountingModel()
    model.prefill([1, 2])
    assert list(generate(model, [3], max_new_tokens=1)) == [4]
    assert model.context == [1, 2, 3]


def test_the_repetition_penalty_counts_the_prompt_and_the_output():
    # One-hot logits: after a penalty the repeated token still has the highest logit unless it drops below 0.
    class Stubborn(CountingModel):
        def prefill(self, ids):
            super().prefill(list(ids))
            return np.array([2.0, 1.9, 1.8] + [-9.0] * (VOCAB - 3), dtype=np.float32)

    sampling = SamplingConfig(repetition_penalty=1.5)
    assert list(generate(Stubborn(), [0], sampling=sampling, max_new_tokens=3)) == [1, 2, 0]


def test_stats_leave_the_consumer_out(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("mmoe.runtime_bindings.python.generation.time.perf_counter", lambda: clock[0])

    class Slow(CountingModel):
        def prefill(self, ids):
            clock[0] += 2.0 if len(ids) > 1 else 0.5
            return super().prefill(ids)

    generation = generate(Slow(), [0, 1, 2, 3], max_new_tokens=3)
    for _ in generation:
        clock[0] += 100.0
    stats = generation.stats
    assert stats.ttft_seconds == 2.0
    assert stats.prefill_tokens_per_second == 2.0
    assert stats.decode_tokens_per_second == 2.0


def test_stats_before_anything_ran():
    stats = generate(CountingModel(), [1]).stats
    assert (stats.prefill_tokens_per_second, stats.decode_tokens_per_second, stats.stop_reason) == (
        0.0,
        0.0,
        None,
    )


def test_errors_of_the_model_and_of_the_options():
    with pytest.raises(RuntimeFailure, match="does not fit"):
        next(generate(CountingModel(max_context_len=2), [0, 1, 2]))
    with pytest.raises(OptionError, match="max_new_tokens"):
        generate(CountingModel(), [0], max_new_tokens=-1)
