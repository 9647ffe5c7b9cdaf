"""Chat templates of users' folders: the ids are those of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.tokenizer import Message
from tests.support.users_folders import (
    FOLDERS,
    SHOUTING,
    TURN,
    each_message,
    edit,
    load,
    ours,
    theirs,
    write_template,
)

QUESTION = [{"role": "user", "content": "Who made man?"}]
HEADER_START = 2044


def test_generation_tag(bundled: Path) -> None:
    FOLDERS["generation-tag"].change(bundled)
    messages = [*QUESTION, {"role": "assistant", "content": "God."}, {"role": "user", "content": "When?"}]
    assert ours(bundled, messages) == theirs(bundled, messages)


def test_tools_that_are_none(bundled: Path) -> None:
    FOLDERS["tools-none"].change(bundled)
    assert ours(bundled, QUESTION) == theirs(bundled, QUESTION)
    assert len(ours(bundled, QUESTION)) == 17


def test_thoughts_that_are_stripped_from_the_past(bundled: Path) -> None:
    FOLDERS["think-stripping"].change(bundled)
    messages = [
        *QUESTION,
        {"role": "assistant", "content": "<think>a</think>b"},
        {"role": "user", "content": "When?"},
    ]
    assert ours(bundled, messages) == theirs(bundled, messages)


def test_arguments_of_filters(bundled: Path) -> None:
    FOLDERS["tojson-keywords"].change(bundled)
    assert ours(bundled, QUESTION) == theirs(bundled, QUESTION)
    assert '"Who made man?"' in load(bundled).render_chat([Message("user", "Who made man?")])


def test_a_template_without_bos(bundled: Path) -> None:
    FOLDERS["template-without-bos"].change(bundled)
    ids = ours(bundled, QUESTION)
    assert ids == theirs(bundled, QUESTION)
    assert ids[0] == HEADER_START
    assert load(bundled).bos_id is None


def test_a_template_in_json(bundled: Path) -> None:
    FOLDERS["template-in-json"].change(bundled)
    found = ours(bundled, QUESTION)
    assert not load(bundled).template_is_built_in
    # transformers reads this file for processors; as a file of its own it reads it for tokenizers.
    (bundled / "chat_template.json").unlink()
    write_template(SHOUTING)(bundled)
    assert found == theirs(bundled, QUESTION)


def test_a_folder_without_a_template_has_the_built_in_one(bundled: Path) -> None:
    expected = load(bundled).render_chat([Message("user", "Who?")])
    (bundled / "chat_template.jinja").unlink()
    tokenizer = load(bundled)
    assert tokenizer.template_is_built_in
    assert tokenizer.render_chat([Message("user", "Who?")]) == expected


@pytest.mark.parametrize(
    "template",
    [
        each_message("{%- generation -%} " + TURN + " {%- endgeneration -%}"),
        each_message(
            "{% generation %}{% if m['role'] == 'assistant' %}"
            + TURN
            + "{% endif %}{% endgeneration %}{{ m['content'] }}"
        ),
        each_message(TURN, begin="{{ tools | length if tools else 'none' }}{{ custom_tools }}"),
        each_message(TURN, begin="{{ documents is defined }}{{ documents is none }}"),
        each_message(
            TURN, begin="{% if enable_thinking is not defined or enable_thinking %}thinking{% endif %}"
        ),
        each_message("{{ m['content'].rsplit('n', 1) }}{{ m['content'].removeprefix('Who') }}"),
        each_message("{{ m.content.partition('m') }}{{ m.content.rpartition('m') }}"),
        each_message(
            "{{ m['content'].startswith(('Who', 'When')) }}{{ m['content'][::-1] }}{{ m['content'][:-3] }}"
        ),
        each_message("{{ m | tojson(indent=2, sort_keys=True) }}{{ m['content'] | tojson | safe }}"),
        each_message(
            "{{ m | tojson(ensure_ascii=True) }}{{ messages | tojson(separators=(', ', '='), indent=1) }}"
        ),
    ],
)
def test_siblings_render_the_same(bundled: Path, template: str) -> None:
    write_template(template)(bundled)
    messages = [
        {"role": "user", "content": "Who made man \u00e9\u2028'\"<&>?"},
        {"role": "assistant", "content": "God.</think>b"},
        {"role": "user", "content": "When?"},
    ]
    assert ours(bundled, messages) == theirs(bundled, messages)


def test_a_list_of_named_templates_without_a_default(bundled: Path) -> None:
    (bundled / "chat_template.jinja").unlink()
    rag = {"name": "rag", "template": "r" + TURN.replace("m[", "messages[0][")}
    named = [rag, {"name": "tool_use", "template": "t"}]
    edit(bundled / "tokenizer_config.json", chat_template=named)
    assert ours(bundled, QUESTION, template="rag") == theirs(bundled, QUESTION, "rag")


def test_special_tokens_have_names_in_templates(bundled: Path) -> None:
    edit(
        bundled / "tokenizer_config.json",
        image_token="<|image|>",
        extra_special_tokens={"video_token": "<|eom|>"},
    )
    write_template(each_message("{{ image_token }}{{ video_token }}" + TURN))(bundled)
    edit(bundled / "config.json", vocab_size=2080)
    assert ours(bundled, QUESTION) == theirs(bundled, QUESTION)
    assert load(bundled).special_tokens["image_token"] == "<|image|>"


@pytest.mark.parametrize("text", [json.dumps({"chat_template": 5}), "{", "\ufeff{}"])
def test_a_broken_template_in_json_is_refused_by_name(bundled: Path, text: str) -> None:
    (bundled / "chat_template.jinja").unlink()
    (bundled / "chat_template.json").write_text(text, encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"chat_template\.json: "):
        load(bundled)
