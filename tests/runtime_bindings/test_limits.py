"""What ends a text: stop strings, least and most tokens, on the bundled model, against the text without limits."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.chat import Chat
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason
from mmoe.runtime_bindings.python.sampling import Sampler, SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.support.first_stop import cut

PROMPTS = ("And the LORD spake unto Moses, saying,", "In the beginning", "Größe 東京 🙂 नमस्ते: and")


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


def sampled(seed: int) -> SamplingConfig:
    # Hot enough that pieces of characters come.
    return SamplingConfig(temperature=2.5, seed=seed)


@pytest.mark.parametrize("seed", range(12))
def test_a_text_is_the_unlimited_one_cut_at_the_first_stop(model: Model, seed: int) -> None:
    rng, prompt = random.Random(seed), PROMPTS[seed % len(PROMPTS)]
    whole = model.generate(prompt, sampling=sampled(seed), max_new_tokens=60)
    text = "".join(whole)
    for _ in range(8):
        begins = [rng.randrange(len(text)) for _ in range(rng.randint(1, 3))]
        stops = [text[begin : begin + rng.randint(1, 12)] for begin in begins]
        stopped = model.generate(prompt, sampling=sampled(seed), max_new_tokens=60, stop=stops)
        assert "".join(stopped) == stopped.text == cut(text, stops)
        assert stopped.finish_reason is FinishReason.STOP_STRING
        assert stopped.ids == whole.ids[: len(stopped.ids)]


def test_a_text_that_only_begins_a_stop_is_whole_at_every_end(model: Model) -> None:
    whole = model.generate(PROMPTS[1], max_new_tokens=12)
    text = "".join(whole)
    unfinished = text[4:] + "~"
    by_length = model.generate(PROMPTS[1], max_new_tokens=12, stop=unfinished)
    pieces = list(by_length)
    assert "".join(pieces) == text
    assert pieces[-1] == text[4:], "held back until the end"
    assert by_length.finish_reason is FinishReason.LENGTH

    cancelled = model.generate(PROMPTS[1], stop=unfinished)
    for _ in range(12):
        next(cancelled)
    cancelled.cancel()
    assert list(cancelled) == [text[4:]]
    assert cancelled.text == text
    assert cancelled.finish_reason is FinishReason.CANCELLED


def test_the_end_of_the_context_shows_what_was_held_back(model: Model) -> None:
    limit = model.info.max_context_len
    prompt = (model.tokenize(PROMPTS[0]) * limit)[: limit - 6]
    whole = model.generate(prompt)
    text = "".join(whole)
    assert whole.finish_reason is FinishReason.CONTEXT_FULL
    held = model.generate(prompt, stop=text + "~")
    assert list(held)[-1] == text
    assert held.finish_reason is FinishReason.CONTEXT_FULL


def test_no_stop_token_is_chosen_before_the_least_length(model: Model, demo_artifact: Artifact) -> None:
    """The sampler outside of a session, on logits without stop tokens, chooses the same."""
    config = SamplingConfig(temperature=10_000.0, seed=107)
    free = model.generate("In the", sampling=config)
    assert len("".join(free)) > 0
    assert free.finish_reason is FinishReason.STOP_TOKEN
    assert len(free.ids) < 40
    sampler = Sampler(config)
    with Session(model, config) as session:
        session.prompt(model.tokenize("In the"))
        session.set_limits(Limits(min_new_tokens=40))
        for _ in range(40):
            step = session.next()
            logits = session.logits()
            logits[list(demo_artifact.manifest.runtime.stop_ids)] = -np.inf
            assert step.id == sampler.sample(logits)
            assert step.finish_reason is None


def test_a_text_goes_on_behind_its_length_without_losing_a_character(model: Model) -> None:
    whole = model.generate(PROMPTS[2], sampling=sampled(5), max_new_tokens=40)
    text = "".join(whole)
    with Session(model, sampled(5)) as session:
        stop = [text[:9] + "~"]
        pieces = list(session.generate(PROMPTS[2], max_new_tokens=1, stop=stop))
        for _ in range(39):
            pieces += session.generate(max_new_tokens=1, stop=stop)
        assert "".join(pieces) == text


def test_a_stop_string_is_no_part_of_the_conversation(model: Model) -> None:
    chat = Chat(model)
    answer = chat.send("Who made the heaven and the earth?", max_new_tokens=24, stop="the")
    assert "the" not in "".join(answer)
    assert answer.finish_reason is FinishReason.STOP_STRING
    assert chat.history[-1].content == answer.text
    # The next turn is that of a conversation which never held more.
    second = "".join(chat.send("And who made man?", max_new_tokens=12))
    ids = model.chat([*chat.history[:2], ("user", "And who made man?")])
    assert second == "".join(model.generate(ids, max_new_tokens=12))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"stop": ("a", "")}, "stop must not be an empty text"),
        ({"min_new_tokens": -1}, "min_new_tokens"),
        ({"max_new_tokens": -1}, "max_new_tokens"),
        ({"max_new_tokens": 2**63}, "max_new_tokens"),
    ],
)
def test_limits_out_of_range_are_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        Limits(**values)
