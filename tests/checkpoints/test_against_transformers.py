"""Templates, special tokens and settings of a folder, against what transformers reads from the same folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import GenerationConfig, PreTrainedTokenizerFast

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.jinja_template import JinjaTemplate
from mmoe.checkpoints.tokenizer import ChatTokenizer, Message, load_tokenizer
from mmoe.checkpoints.trials import trial_conversations
from mmoe.models.architectures.registry import load_config
from tests.support.checkpoints import checkpoint_config, write_config
from tests.support.tokenizers import END_OF_TEXT_ID, EOT_ID, HEADER_END_ID, write_tokenizer

HEADER = "'<|header_start|>' + m['role'] + '<|header_end|>\\n\\n'"
ASSISTANT = "{% if add_generation_prompt %}{{ '<|header_start|>assistant<|header_end|>\\n\\n' }}{% endif %}"


def each(turn: str) -> str:
    """A template that begins with BOS and renders every message by `turn`."""
    return "{{- bos_token }}{%- for m in messages %}" + turn + "{%- endfor %}" + ASSISTANT


TEMPLATES = {
    "generation": each(
        "{{- "
        + HEADER
        + " }}{%- if m['role'] == 'assistant' %}{% generation %}{{- m['content'] + '<|eot|>' }}"
        "{% endgeneration %}{%- else %}{{- m['content'] + '<|eot|>' }}{%- endif %}"
    ),
    "names that are always there": each(
        "{%- if tools is not none or documents is not none %}{{- 'tools' }}{%- endif %}"
        "{{- " + HEADER + " + m['content'] }}{{ pad_token }}{{ eos_token }}{{ unknown_name }}"
    ),
    "stripping of thoughts": each(
        "{%- set content = m['content'] %}{%- if m['role'] == 'assistant' and '</think>' in content %}"
        "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
        "{{- " + HEADER + " + content + '<|eot|>' }}"
    ),
    "arguments of tojson": each(
        "{{- m['content'] | tojson(ensure_ascii=True) }}{{- m | tojson(sort_keys=True, separators=(',', ':')) }}"
        "{{- m | tojson(indent=2) }}{{- m | tojson(true, 1) }}"
    ),
    "loop controls": each(
        "{%- if loop.index > 3 %}{%- break %}{%- endif %}{%- if not m['content'] %}{%- continue %}{%- endif %}"
        "{{- m['content'] }}"
    ),
    "a scope that does not leak": each(
        "{% set x = 'out' %}{% generation %}{% set x = 'in' %}{{ x }}{% endgeneration %}{{ x }}"
    ),
    "without bos": "{% for m in messages %}{{ "
    + HEADER
    + " + m['content'] | trim + '<|eot|>' }}{% endfor %}",
    "refusal": each(
        "{%- if loop.index0 % 2 and m['role'] == 'user' %}{{ raise_exception('order') }}{%- endif %}{{- m['content'] }}"
    ),
    "line ends of all kinds": each(
        "{{ 'a\r\nb\rc' }}\r\n \r{% if true %}\r\n{{ m['content'] }}\r\n{% endif %}\r\n"
    ),
    "time": each("{{ strftime_now('%Y') }}{{ m['content'] }}"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, checkpoint_config())
    write_tokenizer(tmp_path)
    return tmp_path


def edit(path: Path, **changes: object) -> None:
    data = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(data | changes))


def load(folder: Path, **options: str) -> ChatTokenizer:
    return load_tokenizer(folder, load_config(folder), **options)


def refusal(folder: Path) -> str:
    with pytest.raises(TokenizerError) as caught:
        load(folder)
    return str(caught.value)


def outcome(render: Callable[[], object]) -> object:
    """What it gives, or that it refuses."""
    try:
        return render()
    except Exception:  # whatever a template raises, transformers passes on
        return "refused"


def assert_same_chats(folder: Path, **options: str) -> None:
    ours = load(folder, **options)
    assert ours.template is not None
    theirs = PreTrainedTokenizerFast.from_pretrained(folder)
    name = options.get("template")
    jinja = JinjaTemplate(ours.template.source, where="")
    for conversation in trial_conversations(jinja.literals):
        messages = [{"role": message.role, "content": message.content} for message in conversation]
        arguments = {"add_generation_prompt": True, "chat_template": name, "return_dict": False}
        text = outcome(lambda: theirs.apply_chat_template(messages, tokenize=False, **arguments))  # noqa: B023
        assert outcome(lambda: ours.render_chat(conversation)) == text  # noqa: B023
        if any(token in message.content for token in ours.added_tokens for message in conversation):
            continue  # to transformers that is the token, to us a user's text
        ids = outcome(lambda: theirs.apply_chat_template(messages, **arguments))  # noqa: B023
        assert outcome(lambda: ours.encode_chat(conversation)) == ids  # noqa: B023


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_templates_render_the_same(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_bytes(template.encode())
    assert_same_chats(folder)


@pytest.mark.parametrize(
    ("settings", "tokens_map"),
    [
        ({"bos_token": None}, None),
        ({"bos_token": {"__type": "AddedToken", "content": "<|eot|>", "special": True}}, None),
        ({"eos_token": None, "pad_token": "<|end_of_text|>"}, None),
        ({}, {"bos_token": "<|eot|>"}),
        ({}, {"bos_token": {"content": "<|eot|>", "lstrip": False, "rstrip": False, "normalized": False}}),
        ({"added_tokens_decoder": {}}, {"bos_token": "<|eot|>"}),
        ({"add_bos_token": False}, None),
    ],
)
def test_special_tokens_have_the_same_precedence(
    folder: Path, settings: dict[str, object], tokens_map: dict[str, object] | None
) -> None:
    (folder / "chat_template.jinja").write_text(TEMPLATES["names that are always there"])
    edit(folder / "tokenizer_config.json", **settings)
    if tokens_map is not None:
        edit(folder / "special_tokens_map.json", **tokens_map)
    assert_same_chats(folder)


def test_a_folder_without_settings_has_no_named_tokens(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    assert_same_chats(folder)


JINJA, CONFIG, LIST = (
    "from a file {{ messages[0].content }}",
    "from the settings",
    [{"name": "tool_use", "template": "t"}],
)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"chat_template.jinja": JINJA, "tokenizer_config.json": CONFIG}, None),
        ({"tokenizer_config.json": CONFIG}, None),
        ({"tokenizer_config.json": [*LIST, {"name": "default", "template": "d"}]}, None),
        ({"tokenizer_config.json": LIST}, "tool_use"),
        ({"tokenizer_config.json": {"default": "d", "other": "o"}}, "other"),
        ({"chat_template.jinja": JINJA, "additional_chat_templates/rag.jinja": "rag"}, None),
        ({"chat_template.jinja": JINJA, "additional_chat_templates/rag.jinja": "rag"}, "rag"),
        ({"tokenizer_config.json": CONFIG, "additional_chat_templates/rag.jinja": "rag"}, "rag"),
        ({"chat_template.jinja": JINJA, "additional_chat_templates/default.jinja": "other default"}, None),
    ],
)
def test_templates_are_found_in_the_same_places(
    folder: Path, files: dict[str, object], name: str | None
) -> None:
    (folder / "chat_template.jinja").unlink()
    for file, template in files.items():
        if file.endswith(".json"):
            edit(folder / file, chat_template=template)
        else:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(str(template))
    assert_same_chats(folder, **({} if name is None else {"template": name}))


def test_several_templates_without_a_default_are_listed(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    named = [{"name": name, "template": "x"} for name in ("rag", "tool_use")]
    edit(folder / "tokenizer_config.json", chat_template=named)
    with pytest.raises(ValueError, match=r"\['rag', 'tool_use'\]"):
        PreTrainedTokenizerFast.from_pretrained(folder).apply_chat_template(
            [{"role": "user", "content": "x"}]
        )
    assert "choose with --template NAME: rag, tool_use" in refusal(folder)
    with pytest.raises(TokenizerError, match="no chat template named 'tool'; there is: rag, tool_use"):
        load(folder, template="tool")


def test_a_template_for_processors_is_the_last_resort(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "P{{ messages[0].content }}"}))
    assert load(folder).render_chat([Message("user", "x")]) == "Px"
    edit(folder / "tokenizer_config.json", chat_template=CONFIG)
    assert_same_chats(folder)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"eos_token_id": [EOT_ID, HEADER_END_ID, 200], "do_sample": True, "temperature": 0.6, "top_p": 0.9},
        {"do_sample": True, "top_k": 20, "min_p": 0.05, "repetition_penalty": 1.15},
        {"do_sample": True, "temperature": None, "top_k": None, "eos_token_id": None},
    ],
)
def test_generation_config_says_the_same(folder: Path, settings: dict[str, object]) -> None:
    edit(folder / "generation_config.json", **settings)
    theirs = GenerationConfig.from_pretrained(folder)
    ours = load(folder)
    eos = theirs.eos_token_id or []
    assert ours.stop_ids == {END_OF_TEXT_ID, EOT_ID, *eos}
    assert ours.sampling.temperature == (theirs.temperature or 1.0 if theirs.do_sample else 0.0)
    assert ours.sampling.top_k == theirs.top_k
    assert ours.sampling.top_p == (theirs.top_p or 1.0)
    assert ours.sampling.min_p == (theirs.min_p or 0.0)
    assert ours.sampling.repetition_penalty == (theirs.repetition_penalty or 1.0)


def test_a_temperature_without_sampling_is_greedy(folder: Path) -> None:
    edit(folder / "generation_config.json", temperature=0.6, top_p=0.9, repetition_penalty=1.1)
    sampling = load(folder).sampling
    assert (sampling.temperature, sampling.top_p, sampling.repetition_penalty) == (0.0, 1.0, 1.1)


def test_the_union_of_all_ends_stops(folder: Path) -> None:
    edit(folder / "config.json", eos_token_id=9)
    edit(folder / "tokenizer_config.json", eos_token="<|header_end|>")
    edit(folder / "generation_config.json", eos_token_id=8)
    assert load(folder).stop_ids == {8, 9, HEADER_END_ID, EOT_ID}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"eos_token_id": [320]}, "key 'eos_token_id' is [320]"),
        ({"do_sample": True, "temperature": -1}, "key 'temperature' is -1"),
        ({"do_sample": True, "temperature": "hot"}, "key 'temperature' is \"hot\""),
        ({"do_sample": True, "top_p": 1.5}, "top_p must be in (0, 1], not 1.5"),
        ({"do_sample": "yes"}, "key 'do_sample' is \"yes\""),
    ],
)
def test_a_wrong_setting_is_named(folder: Path, settings: dict[str, object], told: str) -> None:
    edit(folder / "generation_config.json", **settings)
    message = refusal(folder)
    assert str(folder / "generation_config.json") in message
    assert told in message


def test_a_bos_that_is_no_token_is_named(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", bos_token="<s>")
    assert "bos_token is '<s>', which is no token of tokenizer.json" in refusal(folder)


FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "additional_chat_templates/rag.jinja",
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("dangling link", "is a link to nowhere"),
        ("pipe", "is not a regular file"),
        ("folder", "is a folder"),
        ("latin-1", "can't decode byte 0xe8"),
    ],
)
def test_a_file_that_is_there_but_unreadable_is_named(folder: Path, name: str, fault: str, told: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if fault == "dangling link":
        path.symlink_to("nowhere")
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault == "folder":
        path.mkdir()
    else:
        path.write_bytes('{"a": "modèle"}'.encode("latin-1"))
    with pytest.raises(Exception, match=told) as caught:
        load(folder)
    assert type(caught.value).__name__ in ("TokenizerError", "ConfigError")
    assert str(path) in str(caught.value)


def test_chat_template_json_is_read_even_if_it_is_not_needed_only_when_asked(folder: Path) -> None:
    (folder / "chat_template.json").write_text("{")
    assert load(folder).has_chat_template
    (folder / "chat_template.jinja").unlink()
    assert "chat_template.json: cannot be read as JSON" in refusal(folder)
