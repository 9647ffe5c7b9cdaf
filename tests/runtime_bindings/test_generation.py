"""Streams and conversations of the Python API on small models, against a plain loop over the logits."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator

import pytest

import mmoe
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.records import FinishReason, Message
from mmoe.runtime_bindings.python.runner import ModelRunner
from mmoe.runtime_bindings.python.sampling import Sampler, SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.support.token_loop import generated_ids

PROMPT = "And the LORD spake unto Moses, saying,"
DRAWN = mmoe.SamplingConfig(
    temperature=0.9, top_k=60, top_p=0.95, min_p=0.01, repetition_penalty=1.2, seed=11
)


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[mmoe.Model]:
    with mmoe.load(demo_artifact.folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def runner(demo_artifact: Artifact) -> ModelRunner:
    return ModelRunner(demo_artifact.model_path)


def long_text(model: mmoe.Model, count: int) -> list[int]:
    return (model.tokenize(bundled_text().content) * 3)[:count]


@pytest.mark.parametrize("sampling", [None, DRAWN], ids=["greedy", "drawn"])
def test_a_stream_is_the_plain_loop(
    model: mmoe.Model, runner: ModelRunner, sampling: mmoe.SamplingConfig | None
) -> None:
    stream = model.generate(PROMPT, sampling=sampling, max_new_tokens=50)
    pieces = list(stream)
    assert stream.prompt_ids == model.tokenize(PROMPT)
    assert stream.ids == generated_ids(runner, stream.prompt_ids, 50, sampling=sampling)
    assert "".join(pieces) == stream.text == model.detokenize(stream.ids)
    assert stream.finish_reason is FinishReason.LENGTH
    assert len(pieces) == stream.stats.decode_tokens + 1 == 50
    assert stream.stats.prefill_tokens == len(stream.prompt_ids)
    assert stream.stats.decode_tokens_per_second == 49 / stream.stats.decode_seconds


def test_ids_and_text_are_the_same_prompt(model: mmoe.Model) -> None:
    first = model.generate(PROMPT, max_new_tokens=8)
    second = model.generate(model.tokenize(PROMPT), max_new_tokens=8)
    assert list(first) == list(second)


def test_the_stop_token_ends_a_text_and_is_not_part_of_it(
    model: mmoe.Model, demo_artifact: Artifact, runner: ModelRunner
) -> None:
    stop_ids = demo_artifact.manifest.runtime.stop_ids
    # Draws until a text ends by itself.
    for seed in range(200):
        sampling = mmoe.SamplingConfig(temperature=1.5, seed=seed)
        stream = model.generate(PROMPT, sampling=sampling, max_new_tokens=400)
        text = "".join(stream)
        if stream.finish_reason is FinishReason.STOP_TOKEN:
            break
    assert stream.finish_reason is FinishReason.STOP_TOKEN
    assert stream.prompt_ids is not None
    assert stream.ids == generated_ids(runner, stream.prompt_ids, 400, sampling=sampling, stop_ids=stop_ids)
    assert text == model.detokenize(stream.ids)
    assert list(stream) == []


def test_the_end_of_the_context_ends_a_text(model: mmoe.Model) -> None:
    context = model.info.max_context_len
    stream = model.generate(long_text(model, context - 2))
    list(stream)
    # Two rows take two tokens; a third is known, but there is no row for it.
    assert len(stream.ids) == 3
    assert stream.finish_reason is FinishReason.CONTEXT_FULL


def test_no_new_tokens_runs_the_prompt_only(model: mmoe.Model) -> None:
    stream = model.generate(PROMPT, max_new_tokens=0)
    assert list(stream) == []
    assert stream.finish_reason is FinishReason.LENGTH
    assert stream.stats.prefill_tokens == len(model.tokenize(PROMPT))


def test_what_the_context_holds_of_a_prompt_is_not_run_again(model: mmoe.Model) -> None:
    ids = long_text(model, 60)
    session = mmoe.Session(model)
    first = session.generate(ids, max_new_tokens=8)
    list(first)
    following = [*ids, *first.ids, *ids[:3]]
    second = session.generate(following, max_new_tokens=8)
    list(second)
    # The last token that was handed out had not been run yet.
    assert second.stats.prefill_tokens == 4
    fresh = model.generate(following, max_new_tokens=8)
    list(fresh)
    assert second.ids == fresh.ids


def test_the_repetition_penalty_sees_what_was_kept_too(model: mmoe.Model, runner: ModelRunner) -> None:
    sampling = mmoe.SamplingConfig(repetition_penalty=1.6)
    ids = long_text(model, 40)
    session = mmoe.Session(model, sampling)
    list(session.generate(ids, max_new_tokens=1))
    stream = session.generate([*ids, ids[5]], max_new_tokens=20)
    list(stream)
    assert stream.stats.prefill_tokens == 1
    assert stream.ids == generated_ids(runner, [*ids, ids[5]], 20, sampling=sampling)
    assert stream.ids != generated_ids(runner, [*ids, ids[5]], 20)


def test_a_stream_goes_on_from_the_context(model: mmoe.Model, runner: ModelRunner) -> None:
    ids = model.tokenize(PROMPT)
    session = mmoe.Session(model)
    session.prefill(ids[:4])
    session.prefill(ids[4:])
    stream = session.generate(max_new_tokens=10)
    list(stream)
    assert stream.prompt_ids is None
    assert stream.ids == generated_ids(runner, ids, 10)


def test_a_cancel_meets_its_own_stream_only(model: mmoe.Model) -> None:
    session = mmoe.Session(model)
    stream = session.generate(PROMPT, max_new_tokens=200)
    next(stream)
    stream.cancel()
    assert list(stream) == []
    assert stream.finish_reason is FinishReason.CANCELLED
    assert len(stream.ids) == 1
    assert len(list(session.generate(PROMPT, max_new_tokens=5))) == 5


def test_a_cancel_from_another_thread_ends_a_prefill(model: mmoe.Model) -> None:
    # Again and again, because a prefill may be over before the cancel comes.
    for _ in range(50):
        stream = model.generate(long_text(model, model.info.max_context_len - 8))
        timer = threading.Timer(0.0005, stream.cancel)
        timer.start()
        list(stream)
        timer.join()
        if stream.finish_reason is FinishReason.CANCELLED:
            return
    pytest.fail("no cancel came in time")


def test_a_new_stream_supersedes_the_old_one(model: mmoe.Model) -> None:
    session = mmoe.Session(model)
    old = session.generate(PROMPT, max_new_tokens=50)
    next(old)
    stats = old.stats
    new = session.generate("In the beginning", max_new_tokens=5)
    assert len(list(new)) == 5
    assert list(old) == []
    assert old.finish_reason is FinishReason.CANCELLED
    assert old.stats == stats


def test_a_session_that_is_closed_ends_its_stream(model: mmoe.Model) -> None:
    session = mmoe.Session(model)
    stream = session.generate(PROMPT)
    next(stream)
    session.close()
    with pytest.raises(CoreFailure) as refusal:
        list(stream)
    assert refusal.value.status is Status.CLOSED


def test_what_is_open_is_not_copied(model: mmoe.Model) -> None:
    """A copy would close what the other still uses, and in another process the handle is another thing's number."""
    with mmoe.Session(model) as session, mmoe.Chat(model) as chat:
        for opened in (model, session, Sampler(SamplingConfig())):
            for call in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match=f"a {type(opened).__name__} cannot be copied or pickled"):
                    call(opened)
        for call in (copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be"):
                call(chat)
        session.prefill(model.tokenize(PROMPT))
        assert session.position == len(model.tokenize(PROMPT))


def test_wrong_limits_and_ids_are_refused(model: mmoe.Model) -> None:
    with pytest.raises(OptionError, match="max_new_tokens must be from 0"):
        model.generate(PROMPT, max_new_tokens=-1)
    with pytest.raises(OptionError, match="threads must be from 1"):
        mmoe.Model(model.folder, threads=0)
    for ids, message in (
        ([], "the prompt is empty"),
        ([-1], "outside the vocabulary"),
        ([2**31], "outside int32"),
    ):
        with pytest.raises(CoreFailure, match=message) as refusal:
            list(model.generate(ids))
        assert refusal.value.status is Status.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "asked",
    [
        lambda model, session: session.truncate(2**64 + 2),
        lambda model, session: session.truncate(-(2**63) - 1),
        lambda model, session: session.set_speculation(2**32),
        lambda model, session: model.token_bytes(2**32 + 5),
    ],
)
def test_integers_beyond_their_range_are_refused(
    model: mmoe.Model, asked: Callable[[mmoe.Model, Session], object]
) -> None:
    # Modulo its range each would be a value that the library takes.
    with Session(model) as session:
        session.prompt(model.tokenize(PROMPT))
        with pytest.raises(CoreFailure, match=r"does not fit (32|64) bits") as refusal:
            asked(model, session)
        assert refusal.value.status is Status.INVALID_ARGUMENT
        assert session.position == len(model.tokenize(PROMPT))


def test_surrogates_count_as_no_character(model: mmoe.Model) -> None:
    assert model.tokenize("a\ud800b") == model.tokenize("a\ufffdb")
    assert model.tokenize("a\udcffb") == model.tokenize("a\ufffdb")


def test_messages_may_be_pairs_or_mappings(model: mmoe.Model) -> None:
    ids = model.chat([Message("user", "Who art thou?")])
    assert model.chat([("user", "Who art thou?")]) == ids
    assert model.chat([{"role": "user", "content": "Who art thou?"}]) == ids


def test_a_message_may_hold_any_character(model: mmoe.Model) -> None:
    assert model.chat_text({"messages": [{"role": "user", "content": "a\0b"}]}).endswith("a\0b<|eot|>")
    assert model.chat([("user", "a\ud800b")]) == model.chat([("user", "a\ufffdb")])
    assert model.chat([("user", "a\udcffb")]) == model.chat([("user", "a\ufffdb")])


def test_a_conversation_is_its_template_rendered_anew_each_turn(
    model: mmoe.Model, demo_artifact: Artifact, runner: ModelRunner
) -> None:
    tokenizer = load_tokenizer(demo_artifact.folder, demo_artifact.config)
    chat = mmoe.Chat(model, system="You are a prophet.")
    turns = [Message("system", "You are a prophet.")]
    run = 0
    for text in ("Who art thou?", "Whence comest thou?", "Whither goest thou?"):
        turns.append(Message("user", text))
        prompt = tokenizer.encode_chat(turns)
        stream = chat.send(text, max_new_tokens=12)
        answer = "".join(stream)
        assert stream.prompt_ids == prompt
        assert stream.ids == generated_ids(runner, prompt, 12, stop_ids=tokenizer.stop_ids)
        turns.append(Message("assistant", answer))
        assert chat.history == tuple((turn.role, turn.content) for turn in turns)
        run += stream.stats.prefill_tokens
    # What was kept of the turns before: less was run than the last prompt and the ones before it have together.
    assert run < len(prompt) + len(turns)
    chat.reset()
    assert chat.history == (("system", "You are a prophet."),)


def test_a_turn_that_fails_or_is_left_changes_nothing(model: mmoe.Model) -> None:
    chat = mmoe.Chat(model)
    list(chat.send("Who art thou?", max_new_tokens=6))
    before = chat.history
    assert len(before) == 2

    with pytest.raises(CoreFailure) as refusal:
        list(chat.send("word " * model.info.max_context_len))
    assert refusal.value.status is Status.CONTEXT_FULL
    assert chat.history == before

    next(chat.send("Whence comest thou?", max_new_tokens=20))  # read no further
    assert chat.history == before

    cancelled = chat.send("Whence comest thou?", max_new_tokens=20)
    next(cancelled)
    cancelled.cancel()
    list(cancelled)
    assert chat.history == before

    again = chat.send("Whence comest thou?", max_new_tokens=6)
    list(again)
    fresh = mmoe.Chat(model)
    for message in (before[0].content, "Whence comest thou?"):
        expected = fresh.send(message, max_new_tokens=6)
        list(expected)
    assert again.ids == expected.ids
    assert chat.history == fresh.history
