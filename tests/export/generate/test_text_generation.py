"""Text from an artifact: pieces, and a context that is kept from call to call."""

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.generate.text_generation import TextGenerator
from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.generation import StopReason
from mmoe.runtime_bindings.python.sampling import SamplingConfig


@pytest.fixture(scope="module")
def generator(tiny_artifact: Artifact) -> TextGenerator:
    return TextGenerator(tiny_artifact)


def test_pieces_join_to_the_text_of_the_ids(generator: TextGenerator) -> None:
    # Random bytes: the pieces must neither lose nor invent a replacement character.
    stream = generator.stream(
        [0, 65, 66], sampling=SamplingConfig(temperature=1.5, seed=3), max_new_tokens=60
    )
    text = "".join(stream)
    assert text == generator.tokenizer.decode(stream.ids)
    assert stream.stats.new_tokens == len(stream.ids)


def test_what_the_context_holds_is_not_run_again(generator: TextGenerator, tiny_artifact: Artifact) -> None:
    first = [0, 65, 66, 67, 68]
    stream = generator.stream(first, max_new_tokens=8)
    list(stream)
    second = [*first, *stream.ids, 70, 71]
    following = generator.stream(second, max_new_tokens=8)
    list(following)
    # The last token handed out was not run yet, so three are new.
    assert following.stats.prompt_tokens == 3
    fresh = TextGenerator(tiny_artifact).stream(second, max_new_tokens=8)
    list(fresh)
    assert fresh.stats.prompt_tokens == len(second)
    assert fresh.ids == following.ids


def test_another_prompt_starts_where_it_differs(generator: TextGenerator, tiny_artifact: Artifact) -> None:
    list(generator.stream([0, 65, 66, 67, 68], max_new_tokens=4))
    changed = [0, 65, 99, 67]
    stream = generator.stream(changed, max_new_tokens=8)
    list(stream)
    assert stream.stats.prompt_tokens == 2
    fresh = TextGenerator(tiny_artifact).stream(changed, max_new_tokens=8)
    list(fresh)
    assert stream.ids == fresh.ids


def test_the_same_prompt_again_runs_its_last_token(generator: TextGenerator) -> None:
    prompt = [0, 80, 81]
    first = generator.stream(prompt, max_new_tokens=5)
    list(first)
    again = generator.stream(prompt, max_new_tokens=5)
    list(again)
    assert again.ids == first.ids
    assert again.stats.prompt_tokens == 1


def test_a_stream_left_early_does_not_disturb_the_next(
    generator: TextGenerator, tiny_artifact: Artifact
) -> None:
    stream = generator.stream([0, 90, 91], max_new_tokens=20)
    next(stream)
    following = generator.stream([0, 90, 91, 92], max_new_tokens=5)
    list(following)
    fresh = TextGenerator(tiny_artifact).stream([0, 90, 91, 92], max_new_tokens=5)
    list(fresh)
    assert following.ids == fresh.ids


def test_prompts_that_do_not_fit(generator: TextGenerator) -> None:
    with pytest.raises(RuntimeFailure, match="empty"):
        next(generator.stream([]))
    with pytest.raises(RuntimeFailure, match="room for"):
        next(generator.stream([0] * (generator.runner.max_context_len + 1)))
    full = generator.stream([0] * (generator.runner.max_context_len - 2))
    list(full)
    assert full.stats.stop_reason in (StopReason.CONTEXT_FULL, StopReason.STOP_TOKEN)
