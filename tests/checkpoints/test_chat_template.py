"""Chat templates by the core: what Hugging Face ones rely on works, what is broken is a TokenizerError."""

from __future__ import annotations

from datetime import datetime

import pytest

from mmoe.checkpoints.chat_template import ChatTemplate
from mmoe.checkpoints.errors import TokenizerError
from mmoe.runtime_bindings.python.records import Message


def render(source: str, *messages: Message) -> str:
    template = ChatTemplate(source, special_tokens={"bos_token": "<s>"}, where="folder/chat_template.jinja")
    return template.render(messages)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ bos_token }}{{ eos_token }}", "<s>"),
        ("{{ messages[0]['role'] }}: {{ messages[0].content | trim }}", "user: hé"),
        ("{{ messages | tojson }}", '[{"role": "user", "content": " hé "}]'),
        ("{% for m in messages %}{% break %}{% endfor %}end", "end"),
        ("{% if add_generation_prompt %}\ngo\n{% endif %}\n", "go\n"),
        ("  {% set x = 1 %}\n{{ x }}", "1"),
        ("{{ tools is none and documents is none }}", "True"),
        ("{{ raise_exception.__globals__ }}", ""),
    ],
)
def test_what_templates_rely_on(source: str, expected: str) -> None:
    assert render(source, Message("user", " hé ")) == expected


def test_dates() -> None:
    assert render("{{ strftime_now('%Y') }}") in {str(datetime.now().year), str(datetime.now().year - 1)}


def test_a_template_may_refuse() -> None:
    with pytest.raises(
        TokenizerError,
        match=r"chat_template\.jinja: .*refused the messages \(template: line 1: no system turns\)",
    ):
        render("{{ raise_exception('no system turns') }}")


@pytest.mark.parametrize("source", ["{% for %}", "{{ x", "{% generation %}", "{% endgeneration %}"])
def test_a_broken_template_is_named(source: str) -> None:
    with pytest.raises(
        TokenizerError, match=r"folder/chat_template\.jinja: the runtime cannot read this chat template"
    ):
        render(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{% for i in range(10000000) %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ messages[5].content }}",
    ],
)
def test_unsafe_and_failing_templates_are_stopped(source: str) -> None:
    with pytest.raises(TokenizerError, match="refused the messages"):
        render(source)
