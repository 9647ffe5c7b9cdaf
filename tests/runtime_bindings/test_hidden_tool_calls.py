"""A stream beside its calls of tools: what it shows, together with the calls, is what the whole text is read as."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.chat import Chat
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.conformance.variants import VARIANTS, write_variant
from tests.support.first_stop import cut

FAMILIES = ("qwen3", "llama3", "lfm2")
TAGGED = '<tool_call>\n{"name": "f", "arguments": {"a": "}\\"<"}}\n</tool_call>'
FRAGMENTS = (
    *("<tool_call>", "</tool_call>", "<|tool_call_start|>", "<|tool_call_end|>", "<|python_tag|>"),
    *("<tool_", "<|", "<"),
    *('{"name": "f", "arguments": {"a": 1}}', '{"name": "g", "parameters": {}}', '{"name": 3}', "[f(a='x')]", "[f(1)]"),
    *('<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>', "<|tool_call_start|>[g()]<|tool_call_end|>"),
    *("<tool_call>{}</tool_call>", "<|tool_call_start|>[]<|tool_call_end|>", "\n", " \n "),
    *("{", "}", '"', "\\", "[", "]", "Let me see.", " the sea", "é", "\U0001f600", "\v"),
)  # fmt: skip


@pytest.fixture(scope="module")
def models(demo_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("families")
    for name in FAMILIES:
        write_variant(demo_artifact.folder, VARIANTS[name], folder / name)
    return {name: Model(folder / name) for name in FAMILIES}


def cut_into_tokens(model: Model, text: str, rng: random.Random) -> list[int]:
    """Ids of a text, as a model might choose them: not those that the tokenizer would."""
    ids: list[int] = []
    while text:
        length = rng.choice((1, 2, 5, 20))
        ids += model.tokenize(text[:length], add_bos=False, parse_special=True)
        text = text[length:]
    return ids


def say(session: Session, ids: Sequence[int]) -> list[str]:
    """The pieces of a text that is made to be these ids."""
    pieces = []
    for token in ids:
        session.set_logit_bias({token: 1e6})
        step = session.next()
        assert step.id == token
        pieces.append(step.text)
        if step.finish_reason is not None:
            break
    return pieces


def begun(model: Model, limits: Limits | None = None) -> Session:
    session = Session(model, SamplingConfig())
    session.prompt(model.tokenize("x"))
    session.set_limits(limits or Limits())
    session.hide_tool_calls()
    return session


def content(model: Model, text: str) -> str:
    return str(model.tool_calls(text)["content"])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_shown_is_the_content_of_the_whole(models: dict[str, Model], family: str) -> None:
    model, rng = models[family], random.Random(7)
    calling = 0
    for _ in range(120):
        text = "".join(rng.choice(FRAGMENTS) for _ in range(rng.randint(1, 6)))
        ids = cut_into_tokens(model, text, rng)
        with begun(model, Limits(max_new_tokens=len(ids))) as session:
            pieces = say(session, ids)
            end = session.next()
        assert end.finish_reason is FinishReason.LENGTH
        assert "".join(pieces) + end.text == content(model, text), (text, pieces)
        calling += "tool_calls" in model.tool_calls(text)
    assert calling >= 8


def test_a_call_at_the_end_of_a_text_is_never_seen(models: dict[str, Model]) -> None:
    model = models["qwen3"]
    text = "Let me look.\n" + TAGGED
    assert TAGGED not in content(model, text)
    ids = model.tokenize(text, add_bos=False)
    with begun(model) as session:
        pieces = say(session, ids)
        assert session.flush() == ""
    assert "".join(pieces) == "Let me look."
    before = len(model.tokenize("Let me look", add_bos=False))
    assert "".join(pieces[: before + 1]) == "Let me look.", "shown as it comes"


@pytest.mark.parametrize(
    "text", ["Use <tool_call>, they say.", "a < b\nand so on", "<tool_call>{}</tool_call> yes"]
)
def test_what_cannot_be_a_call_is_shown_at_once(models: dict[str, Model], text: str) -> None:
    model = models["qwen3"]
    with begun(model) as session:
        assert "".join(say(session, model.tokenize(text, add_bos=False))) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"name": "f", "parameters": {"a": "}"}}', True),
        ('{"a": 1} is JSON', False),
        ("print(1)", False),
        (" {", True),
    ],
)
def test_a_bare_call_is_hidden_while_it_may_be_one(models: dict[str, Model], text: str, hidden: bool) -> None:
    model = models["llama3"]
    with begun(model) as session:
        pieces = say(session, model.tokenize(text, add_bos=False))
    assert ("".join(pieces) == "") is hidden
    assert hidden or "".join(pieces) == text


def test_special_tokens_that_mark_calls_are_read_and_not_shown(models: dict[str, Model]) -> None:
    """Llama's <|python_tag|> is none of a text otherwise."""
    model = models["llama3"]
    ids = model.tokenize('<|python_tag|>{"name": "f", "parameters": {}}', add_bos=False, parse_special=True)
    assert model.detokenize(ids[:1]) == ""
    with begun(model, Limits(max_new_tokens=len(ids))) as session:
        assert "".join(say(session, ids)) + session.next().text == ""
    assert model.tool_calls(ids)["tool_calls"][0]["function"]["name"] == "f"


@pytest.mark.parametrize("seed", range(20))
def test_stop_strings_cut_the_text_before_it_is_read(models: dict[str, Model], seed: int) -> None:
    model, rng = models["qwen3"], random.Random(seed)
    text = "See:\n" + TAGGED + TAGGED + "\nThat was it."
    begin = rng.randrange(len(text) - 3)
    stops = [text[begin : begin + rng.randint(1, 8)]]
    with begun(model, Limits(stop=tuple(stops))) as session:
        pieces = say(session, cut_into_tokens(model, text, rng))
    assert "".join(pieces) == content(model, cut(text, stops))


def test_a_snapshot_keeps_what_is_held_back(models: dict[str, Model], tmp_path: Path) -> None:
    model = models["qwen3"]
    with begun(model) as session, Session(model, SamplingConfig()) as other:
        assert "".join(say(session, model.tokenize("Yes <tool_c", add_bos=False))) == "Yes "
        session.save(tmp_path / "saved")
        other.restore(tmp_path / "saved")
        assert "".join(say(other, model.tokenize("ar.", add_bos=False))) == "<tool_car."
        assert "".join(say(session, model.tokenize("ar.", add_bos=False))) == "<tool_car."
        session.hide_tool_calls()
        assert "".join(say(session, model.tokenize(" <tool", add_bos=False))) == " "
        session.hide_tool_calls(False)
        assert "".join(say(session, model.tokenize("s", add_bos=False))) == "<tools"


def test_a_chat_with_tools_shows_no_call(models: dict[str, Model]) -> None:
    said = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    for tools, shown in (([tool], "Let me see. "), (None, "Let me see. " + said)):
        with Chat(models["qwen3"], sampling=SamplingConfig(), tools=tools) as chat:
            answer = chat.send("Rain?", grammar=f"root ::= {json.dumps('Let me see. ' + said)}")
            assert "".join(answer) == answer.text == shown
            last = chat.turns[-1]
            assert (isinstance(last, dict) and "tool_calls" in last) is (tools is not None)
