"""A conversation that outgrows its context, and one with tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.chat import Chat, WhenFull
from mmoe.runtime_bindings.python.conversation import conversation
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import Message
from mmoe.runtime_bindings.python.sampling import SamplingConfig

LONG = "and the sea " * 40


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


def answer(chat: Chat, text: str, max_new_tokens: int = 4) -> str:
    return "".join(chat.send(text, max_new_tokens=max_new_tokens))


def test_the_oldest_turns_go_and_the_caller_is_told(model: Model) -> None:
    with Chat(model, system="Be brief.", when_full=WhenFull.DROP_OLDEST) as chat:
        everything, gone = [Message("system", "Be brief.")], []
        for number in range(12):
            text = f"{number} {LONG}"
            everything += [Message("user", text), Message("assistant", answer(chat, text))]
            gone += chat.left_out
            # What is left is the system message and a whole number of the latest turns.
            assert chat.history[0] == everything[0]
            assert [everything[0], *gone, *chat.history[1:]] == everything
            assert chat.history[1].role == "user"
        assert gone


def test_no_more_goes_than_must(model: Model) -> None:
    room = model.info.max_context_len - 4
    with Chat(model, system="Be brief.", when_full=WhenFull.DROP_OLDEST) as chat:
        while not chat.left_out:
            before = list(chat.history)
            answer(chat, LONG)
        *kept, _ = chat.history
        assert len(model.chat(kept)) <= room
        one_turn_more = [before[0], *chat.left_out[-2:], *kept[1:]]
        assert len(model.chat(one_turn_more)) > room


def test_an_answer_is_that_of_the_turns_that_are_left(model: Model) -> None:
    with Chat(model, when_full=WhenFull.DROP_OLDEST) as chat, Chat(model) as fresh:
        while not chat.left_out:
            answer(chat, LONG)
        fresh.restore(chat.history)
        assert answer(chat, "And his son?", 12) == answer(fresh, "And his son?", 12)


def test_a_turn_that_fits_nowhere_changes_nothing(model: Model) -> None:
    with Chat(model, when_full=WhenFull.DROP_OLDEST) as chat:
        while not chat.left_out:
            answer(chat, LONG)
        history, left_out = chat.history, chat.left_out
        with pytest.raises(CoreFailure, match="the last turn have") as refusal:
            answer(chat, LONG * 20)
        assert refusal.value.status is Status.CONTEXT_FULL
        assert (chat.history, chat.left_out) == (history, left_out)
        stream = chat.send(LONG * 2, max_new_tokens=50)
        next(stream)
        stream.cancel()
        list(stream)
        assert (chat.history, chat.left_out) == (history, left_out)


def test_a_conversation_that_refuses_stays_as_it_was(model: Model) -> None:
    with Chat(model) as chat:
        answer(chat, "Who was the king?")
        history = chat.history
        with pytest.raises(CoreFailure) as refusal:
            answer(chat, LONG * 20)
        assert refusal.value.status is Status.CONTEXT_FULL
        assert chat.history == history
        assert not chat.left_out


def test_a_turn_goes_with_the_calls_and_results_in_it(model: Model) -> None:
    turns = [
        *({"role": "user", "content": "one"}, {"role": "assistant", "content": "calling"}),
        *({"role": "tool", "content": "result " * 30}, {"role": "assistant", "content": "done"}),
        *({"role": "user", "content": "two"}, {"role": "assistant", "content": "yes"}),
        {"role": "user", "content": "three"},
    ]
    whole = len(model.chat(turns))
    ids, left_out = model.chat_fit(conversation(turns), whole - 1)
    assert (left_out, ids) == (4, model.chat(turns[4:]))
    assert model.chat_fit(conversation(turns), whole) == (model.chat(turns), 0)
    with pytest.raises(CoreFailure):
        model.chat_fit(conversation(turns), 3)


def test_results_of_tools_are_turns(model: Model) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    with Chat(model, tools=tools) as chat:
        answer(chat, "Call it.")
        result = {"role": "tool", "content": "42"}
        stream = chat.send([result], max_new_tokens=3)
        assert stream.prompt_ids == model.chat([*chat.turns, result], tools=tools)
        list(stream)
        assert chat.turns[2] == result
        assert chat.history[2] == Message("tool", "42")


def test_a_conversation_goes_on_from_its_turns_and_its_snapshot(model: Model, tmp_path: Path) -> None:
    with Chat(model, system="Be brief.", sampling=SamplingConfig(temperature=0.8, seed=3)) as chat:
        answer(chat, "Who was the king?", 12)
        chat.save(tmp_path / "snapshot")
        turns = chat.turns
        expected, tokens = answer(chat, "And his son?", 12), chat.stats.prefill_tokens
    with Chat(model) as other:
        other.restore(turns, tmp_path / "snapshot")
        assert answer(other, "And his son?", 12) == expected
        assert other.stats.prefill_tokens == tokens  # only the new turn is run
        other.reset()
        assert other.history == (Message("system", "Be brief."),)


def test_a_file_that_is_no_snapshot_leaves_the_conversation(model: Model, tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_text("no snapshot")
    with Chat(model, system="Be brief.") as chat:
        with pytest.raises(CoreFailure) as caught:
            chat.restore([Message("user", "Who?")], tmp_path / "snapshot")
        assert caught.value.status is Status.CORRUPT
        assert chat.history == (Message("system", "Be brief."),)
