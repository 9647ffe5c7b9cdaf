"""The templates of released models: the core's text is transformers' to the byte, or both refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.native_template import NativeTemplate, NativeTemplateError
from tests.support.template_oracle import render_chat

_DATA = Path(__file__).parents[2] / "data" / "chat_templates"
_TEMPLATES = sorted(_DATA.glob("*.jinja"))
_CONVERSATIONS = json.loads((_DATA / "conversations.json").read_text(encoding="utf-8"))
_SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def _expected(source: str, variables: dict[str, object]) -> str | None:
    try:
        return render_chat(source, variables)
    except Exception:  # a template fails with whatever Python raises
        return None


def _rendered(template: NativeTemplate, variables: dict[str, object]) -> str | None:
    try:
        return template.render(variables)
    except NativeTemplateError:
        return None


def test_there_are_enough() -> None:
    assert len(_TEMPLATES) >= 80
    assert len(_CONVERSATIONS) >= 25


@pytest.mark.parametrize("path", _TEMPLATES, ids=lambda path: path.stem)
def test_text_is_that_of_transformers(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    template = NativeTemplate(source)
    accepted = 0
    for conversation in _CONVERSATIONS:
        variables = {"add_generation_prompt": True, **_SPECIAL_TOKENS, **conversation}
        name = variables.pop("name")
        expected = _expected(source, variables)
        assert _rendered(template, variables) == expected, name
        accepted += expected is not None
    assert accepted >= 5  # or the template would be no test
