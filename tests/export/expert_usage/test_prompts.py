"""Prompts from files, and templated text of the same lengths."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mmoe.export.expert_usage.prompts import real_prompts, templated_prompts
from mmoe.runtime_bindings.python.errors import OptionError


def encode(text: str) -> list[int]:
    return [0, *text.encode()]


def encode_chat(
    messages: Sequence[Mapping[str, object]], *, tools: Sequence[Mapping[str, object]] | None
) -> list[int]:
    texts = [f"{message['role']}:{message.get('content')};" for message in messages]
    return encode("".join([*texts, *(f"tool {tool['name']};" for tool in tools or ())]))


def test_a_text_is_one_prompt_cut_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("In the beginning\n\nthere was text.", encoding="utf-8")
    found = real_prompts(path, encode, encode_chat, tokens=1000, context=10)
    assert found.prompts == (tuple(encode("In the begi"[:9])),)
    assert found.source == "book.txt"


def test_json_lines_are_prompts_until_the_tokens_are_spent(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    lines = ["first", {"prompt": "second", "id": 2}, {"text": "third"}, "fourth"]
    path.write_text("\n\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = real_prompts(path, encode, encode_chat, tokens=6 + 7 + 3, context=100)
    assert found.prompts == (tuple(encode("first")), tuple(encode("second")), tuple(encode("th")))
    assert found.ids == [*encode("first"), *encode("second"), *encode("th")]


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    prompts = ["In the\u2028beginning", "was\u0085the\u2029word"]
    lines = [json.dumps({"prompt": prompt}, ensure_ascii=False) for prompt in prompts]
    path.write_bytes("\r\n".join([*lines, '{"text":\r"bare return"}']).encode())
    found = real_prompts(path, encode, encode_chat, tokens=1000, context=100)
    assert found.prompts == tuple(tuple(encode(text)) for text in (*prompts, "bare return"))


def test_conversations(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a\0b"}]
    path.write_text(json.dumps({"messages": messages}) + "\n" + json.dumps("plain"), encoding="utf-8")
    found = real_prompts(path, encode, encode_chat, tokens=1000, context=100)
    assert found.prompts == (tuple(encode("system:Be brief.;user:a\0b;")), tuple(encode("plain")))


def test_tools_and_their_calls(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    messages = [{"role": "assistant", "tool_calls": [{}]}, {"role": "tool", "content": "4"}]
    path.write_text(json.dumps({"messages": messages, "tools": [{"name": "sum"}]}), encoding="utf-8")
    found = real_prompts(path, encode, encode_chat, tokens=1000, context=100)
    assert found.prompts == (tuple(encode("assistant:None;tool:4;tool sum;")),)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"messages": []}', r"a\.jsonl: line 1 is neither"),
        ("a.jsonl", '{"messages": [{"role": "user"}]}', r'"messages" that have a "role" and a "content"'),
        ("a.jsonl", '{"messages": ["hello"]}', r"a\.jsonl: line 1 is neither"),
        (
            "a.jsonl",
            '{"messages": [{"role": "user", "content": "?"}], "tools": ["f"]}',
            '"tools" that are objects',
        ),
        ("a.jsonl", '"good"\n{"question": "?"}', r"a\.jsonl: line 2 is neither a string nor an object"),
        ("a.jsonl", "nothing", r"a\.jsonl: line 1 is not JSON"),
        ("a.jsonl", "\n", r"a\.jsonl: holds no prompt"),
    ],
)
def test_broken_prompts(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=message):
        real_prompts(tmp_path / name, encode, encode_chat, tokens=100, context=100)


def test_templated_text_has_the_asked_lengths_and_repeats(tmp_path: Path) -> None:
    built_in = templated_prompts(None, encode, lengths=[5, 5000, 300])
    assert [len(prompt) for prompt in built_in.prompts] == [5, 5000, 300]
    text = bytes(built_in.prompts[1][1:]).decode()
    questions = text.split("\n\n")
    assert questions[0].startswith("Question: Anna has 2 apples and buys 1 more.")
    assert questions[1].startswith("Question: Ben has 3 books and buys 2 more.")
    assert len(set(questions)) > 10
    path = tmp_path / "own.txt"
    path.write_text("ab", encoding="utf-8")
    own = templated_prompts(path, encode, lengths=[9])
    assert bytes(own.prompts[0][1:]) == b"ab\n\nab\n\n"
    path.write_text(" ", encoding="utf-8")
    with pytest.raises(OptionError, match="is empty"):
        templated_prompts(path, encode, lengths=[9])
