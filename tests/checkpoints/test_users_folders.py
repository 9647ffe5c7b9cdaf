"""Folders as users have them, made of the bundled checkpoint: what public bug reports describe, one kind each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import GenerationConfig, PreTrainedTokenizerFast

from mmoe.checkpoints.tokenizer import ChatTokenizer, Message, load_tokenizer
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.models.architectures.registry import load_config
from mmoe.models.architectures.rope_scaling import RopeScaling

HEADER = "'<|header_start|>' + m['role'] + '<|header_end|>\\n\\n'"
TURN = "{{- " + HEADER + " + m['content'] + '<|eot|>' }}"
ASSISTANT = (
    "{%- if add_generation_prompt %}{{- '<|header_start|>assistant<|header_end|>\\n\\n' }}{%- endif %}"
)
QUESTION = [{"role": "user", "content": "Who made man?"}]
END_OF_TURN, HEADER_START = 2047, 2044


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All but the weights."""
    return Path(
        shutil.copytree(
            bundled_checkpoint(), tmp_path / "checkpoint", ignore=shutil.ignore_patterns("*.safetensors")
        )
    )


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def load(folder: Path) -> ChatTokenizer:
    return load_tokenizer(folder, load_config(folder))


def theirs(folder: Path, messages: list[dict[str, str]]) -> list[int]:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    ids: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    return ids


def ours(folder: Path, messages: list[dict[str, str]]) -> list[int]:
    return load(folder).encode_chat([Message(**message) for message in messages])


def test_generation_tag(folder: Path) -> None:
    template = (
        "{{- bos_token }}{%- for m in messages %}{%- if m['role'] == 'assistant' %}{{- " + HEADER + " }}"
        "{% generation %}{{- m['content'] + '<|eot|>' }}{% endgeneration %}{%- else %}"
        + TURN
        + "{%- endif %}{%- endfor %}"
    )
    (folder / "chat_template.jinja").write_text(template + ASSISTANT)
    messages = [*QUESTION, {"role": "assistant", "content": "God."}, {"role": "user", "content": "When?"}]
    assert ours(folder, messages) == theirs(folder, messages)


def test_tools_that_are_none(folder: Path) -> None:
    template = (
        "{{- bos_token }}{%- if tools is not none %}{{- 'You may call these functions:' }}{%- for tool in tools %}"
        "{{- tool | tojson }}{%- endfor %}{%- endif %}{%- for m in messages %}" + TURN + "{%- endfor %}"
    )
    (folder / "chat_template.jinja").write_text(template + ASSISTANT)
    assert ours(folder, QUESTION) == theirs(folder, QUESTION)
    assert len(ours(folder, QUESTION)) == 17


def test_thoughts_that_are_stripped_from_the_past(folder: Path) -> None:
    template = (
        "{{- bos_token }}{%- for m in messages %}{%- set content = m['content'] %}"
        "{%- if m['role'] == 'assistant' and '</think>' in content %}"
        "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
        "{{- " + HEADER + " + content + '<|eot|>' }}{%- endfor %}"
    )
    (folder / "chat_template.jinja").write_text(template + ASSISTANT)
    messages = [
        *QUESTION,
        {"role": "assistant", "content": "<think>a</think>b"},
        {"role": "user", "content": "When?"},
    ]
    assert ours(folder, messages) == theirs(folder, messages)


def test_arguments_of_filters(folder: Path) -> None:
    template = (
        "{{- bos_token }}{%- for m in messages %}{{- "
        + HEADER
        + " + (m['content'] | tojson(ensure_ascii=False, "
        "separators=(',', ':'))) + '<|eot|>' }}{%- endfor %}"
    )
    (folder / "chat_template.jinja").write_text(template + ASSISTANT)
    assert ours(folder, QUESTION) == theirs(folder, QUESTION)
    assert '"Who made man?"' in load(folder).render_chat([Message("user", "Who made man?")])


def test_a_template_without_bos(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", bos_token=None, add_bos_token=False)
    (folder / "chat_template.jinja").write_text(
        "{%- for m in messages %}" + TURN + "{%- endfor %}" + ASSISTANT
    )
    ids = ours(folder, QUESTION)
    assert ids == theirs(folder, QUESTION)
    assert ids[0] == HEADER_START
    tokenizer = load(folder)
    assert tokenizer.bos_id is None


def test_a_template_in_json(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    text = (
        "{{ bos_token }}{% for m in messages %}<|header_start|>{{ m['role'] | upper }}<|header_end|>\n"
        "{{ m['content'] }}<|eom|>{% endfor %}<|header_start|>ASSISTANT<|header_end|>\n"
    )
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": text}))
    found = ours(folder, QUESTION)
    assert not load(folder).template_is_built_in
    # transformers reads this file for processors; as a file of its own it reads it for tokenizers.
    (folder / "chat_template.json").unlink()
    (folder / "chat_template.jinja").write_text(text)
    assert found == theirs(folder, QUESTION)


def test_a_folder_without_a_template_has_the_built_in_one(folder: Path) -> None:
    expected = load(folder).render_chat([Message("user", "Who?")])
    (folder / "chat_template.jinja").unlink()
    tokenizer = load(folder)
    assert tokenizer.template_is_built_in
    assert tokenizer.render_chat([Message("user", "Who?")]) == expected


def test_generation_config(folder: Path) -> None:
    edit(folder / "config.json", eos_token_id=2040)
    settings = {
        "bos_token_id": 2039,
        "eos_token_id": [2040, 2046, 280],
        "do_sample": True,
        "temperature": 0.6,
    }
    (folder / "generation_config.json").write_text(
        json.dumps({**settings, "top_p": 0.9, "repetition_penalty": 1.15})
    )
    expected = GenerationConfig.from_pretrained(folder)
    found = load(folder)
    assert found.stop_ids == {*expected.eos_token_id, END_OF_TURN}
    assert (found.sampling.temperature, found.sampling.top_p, found.sampling.repetition_penalty) == (
        expected.temperature,
        expected.top_p,
        expected.repetition_penalty,
    )


def test_the_end_is_named_elsewhere(folder: Path) -> None:
    edit(folder / "config.json", eos_token_id=2040)
    edit(folder / "tokenizer_config.json", eos_token="<|eom|>")
    expected = PreTrainedTokenizerFast.from_pretrained(folder).eos_token_id
    assert expected == 2046
    assert load(folder).stop_ids == {2040, expected, END_OF_TURN}


@pytest.mark.parametrize("beside", [{}, {"rope_scaling": None}])
def test_rope_parameters(folder: Path, beside: dict[str, None]) -> None:
    config = json.loads((folder / "config.json").read_text())
    expected = load_config(folder)
    config["rope_parameters"] = {**config.pop("rope_scaling"), "rope_theta": config.pop("rope_theta")}
    (folder / "config.json").write_text(json.dumps({**config, **beside, "dtype": "bfloat16"}))
    found = load_config(folder)
    assert found == expected
    assert isinstance(found.rope_scaling, RopeScaling)
    assert found.rope_scaling.factor == 16
