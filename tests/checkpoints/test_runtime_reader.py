"""What the runtime cannot read, or reads otherwise, is refused by name before any work."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from mmoe.checkpoints.chat_template import ChatTemplate
from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.jinja_template import JinjaTemplate
from mmoe.checkpoints.runtime_reader import require_readable, require_renderable
from mmoe.checkpoints.tokenizer import ChatTokenizer, load_tokenizer
from mmoe.models.architectures.registry import parse_config
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.template import CoreTemplate, Span
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer
from tests.support.checkpoints import checkpoint_config
from tests.support.tokenizers import write_tokenizer


def load(folder: Path) -> ChatTokenizer:
    return load_tokenizer(folder, parse_config(checkpoint_config(), where="config.json"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tokenizer(tmp_path)
    return tmp_path


def test_a_tokenizer_that_both_read_alike_passes(folder: Path) -> None:
    require_readable(folder, load(folder))


def test_a_kind_that_the_runtime_lacks_is_refused(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").unlink()
    tokenizer = load(folder)
    with pytest.raises(TokenizerError, match="the runtime cannot read this tokenizer") as caught:
        require_readable(folder, tokenizer)
    assert str(folder / "tokenizer.json") in str(caught.value)
    assert "docs/runtime.md" in str(caught.value)


def test_other_ids_are_refused_with_the_text(folder: Path) -> None:
    tokenizer = load(folder)
    data = json.loads(tokenizer.tokenizer_json)
    data["model"]["merges"] = []
    tokenizer.tokenizer_json = json.dumps(data)
    with pytest.raises(
        TokenizerError, match=r"the runtime reads another tokenizer from this file: '.*' has the ids"
    ):
        require_readable(folder, tokenizer)


def test_the_runtimes_tokenizer_counts_before_it_writes(folder: Path) -> None:
    tokenizer = CoreTokenizer((folder / "tokenizer.json").read_bytes())
    # U+FFFD takes three tokens for each of these bytes.
    ids = tokenizer.encode(b"\xff" * 100)
    assert len(ids) == 300
    assert tokenizer.decode(ids, skip_special=True) == "\ufffd".encode() * 100
    assert tokenizer.encode(b"a\0b") == load(folder).encode("a\0b")[1:]


def test_what_is_no_json_is_corrupt() -> None:
    with pytest.raises(CoreFailure) as caught:
        CoreTokenizer(b"{")
    assert caught.value.status == Status.CORRUPT


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, special_tokens={"bos_token": "<s>"}, where="chat_template.jinja")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "the chat template is empty"),
        ('{% include "x" %}', 'the runtime cannot read this chat template .*no statement "include"'),
        ("{{ messages[0].content | truncate(5) }}", 'cannot read this chat template .*no filter "truncate"'),
        (
            "{{ messages[0].frobnicate() }}",
            "the chat template refused the messages .*every other conversation",
        ),
        ("{{ raise_exception('never') }}", "never.*every other conversation that was tried"),
    ],
)
def test_a_template_that_no_app_could_use_is_refused(source: str, told: str) -> None:
    with pytest.raises(TokenizerError, match=rf"^chat_template\.jinja: .*{told}"):
        require_renderable(template(source))


@pytest.mark.parametrize(
    "source",
    [
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{% endfor %}",
        # Refuses some conversations, as many released templates do.
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ messages | tojson }}",
        "{{ strftime_now('%d %b %Y') }}{{ messages[-1].content }}",
    ],
)
def test_a_template_that_both_render_alike_passes(source: str) -> None:
    require_renderable(template(source))


def test_another_text_than_jinjas_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CoreTemplate, "spans", lambda *_, **__: [Span("another", False)])
    told = "the runtime makes 'another' of a conversation of which Hugging Face's libraries make 'Will it rain[?]'"
    with pytest.raises(TokenizerError, match=told):
        require_renderable(template("{{ messages[0].content }}"))


def test_what_a_template_looks_for_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JinjaTemplate, "render", lambda *_, **__: "never xyzzy")
    with pytest.raises(
        TokenizerError, match=r"the runtime makes 'found' .*'content': 'xyzzy'|content='xyzzy'"
    ):
        require_renderable(template("{{ 'found' if messages[0].content == 'xyzzy' else 'never xyzzy' }}"))


def test_tools_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JinjaTemplate, "render", lambda *_, **__: "")
    with pytest.raises(TokenizerError, match="the runtime makes 'weather' of a conversation"):
        require_renderable(template("{{ tools[0].function.name if tools else '' }}"))


def test_a_machine_that_sleeps_meanwhile_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", itertools.count(0, 100).__next__)
    require_renderable(template("{{ messages[0].content }}"))
    with pytest.raises(TokenizerError, match=r"refused the messages \(never\), and every other conversation"):
        require_renderable(template("{{ raise_exception('never') }}"))


def test_a_slow_template_is_given_up_in_seconds() -> None:
    steps = "{% for i in range(99999) %}" * 2 + "x" + "{% endfor %}" * 2
    begun = time.process_time()
    with pytest.raises(TokenizerError, match="takes more than 5000000 steps"):
        require_renderable(template(steps))
    assert time.process_time() - begun < 10
