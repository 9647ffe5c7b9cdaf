"""Checkpoint folders that users have: what changes a plain one into each, and what both libraries read in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from mmoe.checkpoints.tokenizer import ChatTokenizer, Message, load_tokenizer
from mmoe.models.architectures.registry import load_config

HEADER = "'<|header_start|>' + m['role'] + '<|header_end|>\\n\\n'"
TURN = "{{- " + HEADER + " + m['content'] + '<|eot|>' }}"
ASSISTANT = (
    "{%- if add_generation_prompt %}{{- '<|header_start|>assistant<|header_end|>\\n\\n' }}{%- endif %}"
)


def edit(path: Path, **changes: object) -> None:
    """Sets keys of a JSON file, which is made if need be."""
    data = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(data | changes, ensure_ascii=False))


def edit_tensors(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Writes other tensors in place of a folder's."""
    path = folder / "model.safetensors"
    tensors = change(load_file(path))
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"}
    )


def load(folder: Path, **options: str) -> ChatTokenizer:
    """The tokenizer as a conversion reads it."""
    return load_tokenizer(folder, load_config(folder), **options)


def ours(folder: Path, messages: Sequence[Mapping[str, str]], **options: str) -> list[int]:
    """Ids of a conversation."""
    return load(folder, **options).encode_chat([Message(**message) for message in messages])


def theirs(folder: Path, messages: Sequence[Mapping[str, str]], template: str | None = None) -> list[int]:
    """The same by transformers."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    ids: list[int] = tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, chat_template=template, return_dict=False
    )
    return ids


def write_template(text: str) -> Callable[[Path], None]:
    """Puts another template into a folder."""

    def change(folder: Path) -> None:
        (folder / "chat_template.jinja").write_text(text)

    return change


def each_message(turn: str, *, begin: str = "{{- bos_token }}") -> str:
    """A template that renders every message by ``turn`` and asks for the assistant's."""
    return begin + "{%- for m in messages %}" + turn + "{%- endfor %}" + ASSISTANT


GENERATION_TAG = each_message(
    "{%- if m['role'] == 'assistant' %}{{- " + HEADER + " }}{% generation %}{{- m['content'] + '<|eot|>' }}"
    "{% endgeneration %}{%- else %}" + TURN + "{%- endif %}"
)
TOOLS_NONE = each_message(
    TURN,
    begin="{{- bos_token }}{%- if tools is not none %}{{- 'You may call these functions:' }}{%- for tool in tools %}"
    "{{- tool | tojson }}{%- endfor %}{%- endif %}",
)
THINK_STRIPPING = each_message(
    "{%- set content = m['content'] %}{%- if m['role'] == 'assistant' and '</think>' in content %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{{- " + HEADER + " + content + '<|eot|>' }}"
)
TOJSON_KEYWORDS = each_message(
    "{{- " + HEADER + " + (m['content'] | tojson(ensure_ascii=False, separators=(',', ':'))) + '<|eot|>' }}"
)
SHOUTING = (
    "{{ bos_token }}{% for m in messages %}<|header_start|>{{ m['role'] | upper }}<|header_end|>\n"
    "{{ m['content'] }}<|eot|>{% endfor %}<|header_start|>ASSISTANT<|header_end|>\n"
)


def template_without_bos(folder: Path) -> None:
    """No BOS by an explicit null, and a template that has none either."""
    edit(folder / "tokenizer_config.json", bos_token=None, add_bos_token=False)
    (folder / "chat_template.jinja").write_text(each_message(TURN, begin=""))


def template_in_json(folder: Path) -> None:
    """The template where processors keep theirs."""
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": SHOUTING}))


def rope_parameters(folder: Path, *, beside: Mapping[str, object] | None = None) -> None:
    """RoPE in the words of transformers 5; ``beside`` is what the older keys say all the same."""
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"] = {**config.pop("rope_scaling"), "rope_theta": config.pop("rope_theta")}
    (folder / "config.json").write_text(json.dumps({**config, **(beside or {}), "dtype": "bfloat16"}))


def tokenizer_parts(**parts: object) -> Callable[[Path], None]:
    """Puts other parts into a folder's tokenizer.json."""
    return lambda folder: edit(folder / "tokenizer.json", **parts)


GPT2_SPLIT: dict[str, object] = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
DIGITS_SPLIT: dict[str, object] = {
    "type": "Sequence",
    "pretokenizers": [{"type": "Digits", "individual_digits": True}, GPT2_SPLIT],
}


def single_experts(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each expert's matrices as tensors of their own, ``[out, in]``."""
    single: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stem = name.removesuffix("gate_up_proj").removesuffix("down_proj")
        if name.endswith("experts.gate_up_proj"):
            for expert, matrix in enumerate(tensor):
                gate, up = matrix.chunk(2, dim=-1)
                single[f"{stem}{expert}.gate_proj.weight"] = gate.T
                single[f"{stem}{expert}.up_proj.weight"] = up.T
        elif name.endswith("experts.down_proj"):
            single |= {f"{stem}{expert}.down_proj.weight": matrix.T for expert, matrix in enumerate(tensor)}
        else:
            single[name] = tensor
    return single


def head_stored_twice(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The table of the tied head a second time, in all its parts."""
    table = "model.embed_tokens."
    return tensors | {
        name.replace(table, "lm_head."): tensor.clone()
        for name, tensor in tensors.items()
        if name.startswith(table)
    }


def zero_scale(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """One group of a dense matrix is zero, whatever its integers are."""
    tensors["model.layers.0.self_attn.q_proj.weight_scale"][0, 0] = 0
    return tensors


@dataclass(frozen=True)
class UsersFolder:
    """A folder of a user, made of a plain one.

    Attributes:
        change: Makes it.
        unpacked: Whether the plain one has bfloat16 weights.
        options: Of the conversion, as keywords of `ConvertOptions`.
    """

    change: Callable[[Path], object]
    unpacked: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def _tensors(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Callable[[Path], None]:
    return lambda folder: edit_tensors(folder, change)


FOLDERS = {
    "generation-tag": UsersFolder(write_template(GENERATION_TAG)),
    "tools-none": UsersFolder(write_template(TOOLS_NONE)),
    "think-stripping": UsersFolder(write_template(THINK_STRIPPING)),
    "tojson-keywords": UsersFolder(write_template(TOJSON_KEYWORDS)),
    "template-without-bos": UsersFolder(template_without_bos),
    "template-in-json": UsersFolder(template_in_json),
    "generation-config": UsersFolder(
        lambda folder: edit(
            folder / "generation_config.json", eos_token_id=[4, 9], do_sample=True, temperature=0.6, top_p=0.9
        )
    ),
    "eos-in-tokenizer-config": UsersFolder(
        lambda folder: edit(folder / "tokenizer_config.json", eos_token="<|header_end|>")
    ),
    "rope-parameters": UsersFolder(rope_parameters),
    "rope-parameters-beside-null": UsersFolder(
        lambda folder: rope_parameters(folder, beside={"rope_scaling": None})
    ),
    "nfc-normalizer": UsersFolder(tokenizer_parts(normalizer={"type": "NFC"})),
    "gpt2-split": UsersFolder(tokenizer_parts(pre_tokenizer=GPT2_SPLIT)),
    "digits-split": UsersFolder(tokenizer_parts(pre_tokenizer=DIGITS_SPLIT)),
    "tied-head-stored-twice": UsersFolder(_tensors(head_stored_twice)),
    "bf16-head-stored-twice": UsersFolder(_tensors(head_stored_twice), unpacked=True),
    "float16": UsersFolder(
        _tensors(lambda tensors: {name: tensor.half() for name, tensor in tensors.items()}), unpacked=True
    ),
    "float32": UsersFolder(
        _tensors(lambda tensors: {name: tensor.float() for name, tensor in tensors.items()}), unpacked=True
    ),
    "one-tensor-per-expert": UsersFolder(_tensors(single_experts), unpacked=True),
    "rotary-buffer": UsersFolder(
        _tensors(
            lambda tensors: (
                tensors | {"model.rotary_emb.inv_freq": tensors["model.norm.weight"].float().clone()}
            )
        ),
        unpacked=True,
    ),
    "zero-scale": UsersFolder(_tensors(zero_scale), options={"backend_options": {"linears": "xnnpack"}}),
    "card-latin1": UsersFolder(
        lambda folder: (folder / "README.md").write_bytes(
            "---\nlicense: mit\n---\n# Modèle\n".encode("latin-1")
        )
    ),
}
"""By the names under which public bug reports are told; packed ones unless they say otherwise."""
