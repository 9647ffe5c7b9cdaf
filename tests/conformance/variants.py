"""Writes the artifacts of the scenarios: the bundled checkpoint with the chat templates and special tokens of others,
and trained models of public families with their own.

    python -m tests.conformance.variants ARTIFACT FOLDER

ARTIFACT is the bundled checkpoint, converted; FOLDER gets a folder for each name that the scenarios have in `artifact`.
Large files are links.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.demo.bundled import BUNDLED
from tests.support.tokenizer_families import STRIP_ONE, replace

_DATA = Path(__file__).parents[1] / "data"
TEMPLATES = _DATA / "chat_templates"
STAND_INS = _DATA / "stand_ins"
# What the bundled tokenizer has for special tokens, in the order in which others take their places.
PLACES = (
    *("<|begin_of_text|>", "<|end_of_text|>", "<|header_start|>", "<|header_end|>", "<|eot|>"),
    *("<|eom|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What an artifact has otherwise than the bundled one.

    Attributes:
        template: File of its chat template, in `TEMPLATES`; None leaves the bundled one.
        tokens: Special tokens, for as many of `PLACES`.
        tokenizer: Parts of its tokenizer.json that it has otherwise.
        names: What templates call some of them, such as ``bos_token``.
        sampling: What the checkpoint's author recommends, by the names of `mmoe_sampling`.
        backend_options: Of a program of its own; the others share the bundled one's.
        stand_in: A trained model of a public family, in `STAND_INS`, that is converted in the bundled one's place. Its
            tokenizer begins no text by itself, as theirs do not.
        ids: What its config.json has for the ids that begin and end texts.
    """

    template: str | None = None
    tokens: tuple[str, ...] = ()
    tokenizer: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    sampling: Mapping[str, float] = field(default_factory=dict)
    backend_options: Mapping[str, str] = field(default_factory=dict)
    stand_in: str | None = None
    ids: Mapping[str, int | None] = field(default_factory=dict)


VARIANTS = {
    "deepseek": Variant(
        template="deepseek-ai-DeepSeek-V3.1.jinja",
        tokens=tuple(
            f"<\uff5c{name}\uff5c>"
            for name in (
                *("begin▁of▁sentence", "end▁of▁sentence", "User", "Assistant", "tool▁calls▁begin"),
                *("tool▁calls▁end", "tool▁sep", "tool▁output▁begin", "tool▁output▁end"),
            )
        ),
        names={
            "bos_token": "<\uff5cbegin▁of▁sentence\uff5c>",
            "eos_token": "<\uff5cend▁of▁sentence\uff5c>",
        },
    ),
    "gpt-oss": Variant(
        template="openai-gpt-oss-120b.jinja",
        tokens=(
            *("<|startoftext|>", "<|return|>", "<|start|>", "<|message|>", "<|end|>", "<|call|>"),
            *("<|channel|>", "<|constrain|>"),
        ),
        names={"bos_token": "<|startoftext|>", "eos_token": "<|return|>"},
    ),
    "granite": Variant(
        template="ibm-granite-granite-4.0.jinja",
        tokens=("<|end_of_text|>", "<|pad|>", "<|start_of_role|>", "<|end_of_role|>"),
        names={"bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>"},
    ),
    "lfm2": Variant(
        template="LFM2-8B-A1B.jinja",
        tokens=(
            *("<|startoftext|>", "<|endoftext|>", "<|im_start|>", "<|pad|>", "<|im_end|>"),
            *("<|tool_list_start|>", "<|tool_list_end|>", "<|tool_response_start|>", "<|tool_response_end|>"),
        ),
        names={"bos_token": "<|startoftext|>", "eos_token": "<|im_end|>"},
    ),
    "llama3": Variant(
        template="meta-llama-Llama-3.1-8B-Instruct.jinja",
        tokens=(
            *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
            *("<|eot_id|>", "<|eom_id|>", "<|python_tag|>"),
        ),
        names={"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    ),
    "mistral": Variant(
        template="mistralai-Mistral-Nemo-Instruct-2407.jinja",
        tokens=(
            *("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"),
            *("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
        ),
        names={"bos_token": "<s>", "eos_token": "</s>"},
    ),
    "qwen3": Variant(
        template="Qwen-Qwen3-0.6B.jinja",
        tokens=("<|endoftext|>", "<|fim_pad|>", "<|im_start|>", "<|box_start|>", "<|im_end|>"),
        names={"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    ),
    # Values that float32 holds exactly, so that every language writes them alike.
    "sampled": Variant(
        sampling={
            "temperature": 0.75,
            "top_k": 40,
            "top_p": 0.875,
            "min_p": 0.0625,
            "repetition_penalty": 1.125,
        }
    ),
    # Tokens that are text, not bytes, as SentencePiece's are, with this letter for a space, which a text's first loses.
    "pieces": Variant(
        tokenizer={
            "normalizer": {
                "type": "Sequence",
                "normalizers": [{"type": "Prepend", "prepend": "\u0120"}, replace(" ", "\u0120")],
            },
            "pre_tokenizer": None,
            "decoder": {
                "type": "Sequence",
                "decoders": [replace("\u0120", " "), {"type": "Fuse"}, STRIP_ONE],
            },
        }
    ),
    "speculative": Variant(backend_options={"speculation": "on"}),
    "trained-olmoe": Variant(
        stand_in="olmoe",
        template="allenai-OLMoE-tulu.jinja",
        tokens=(
            *(
                "<|padding|>",
                "<|endoftext|>",
                "|||IP_ADDRESS|||",
                "|||EMAIL_ADDRESS|||",
                "|||PHONE_NUMBER|||",
            ),
            *("<|unused_0|>", "<|unused_1|>", "<|unused_2|>", "<|unused_3|>"),
        ),
        names={"eos_token": "<|endoftext|>", "pad_token": "<|padding|>"},
        ids={"bos_token_id": None, "eos_token_id": 2040, "pad_token_id": 2039},
    ),
    "trained-granite": Variant(
        stand_in="granitemoeshared",
        template="granite-3.0-instruct.jinja",
        tokens=(
            *("<fim_pad>", "<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"),
            *("<filename>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>"),
        ),
        names={
            "bos_token": "<|end_of_text|>",
            "eos_token": "<|end_of_text|>",
            "pad_token": "<|end_of_text|>",
        },
        ids={"bos_token_id": 2040, "eos_token_id": 2040, "pad_token_id": 2040},
    ),
}


def write_variant(artifact: Path, variant: Variant, folder: Path) -> None:
    """Writes one of them.

    Args:
        artifact: The bundled checkpoint, converted.
        variant: What it has otherwise.
        folder: Where to; it is made.
    """
    if variant.stand_in is not None:
        with tempfile.TemporaryDirectory() as scratch:
            convert(write_stand_in(variant, Path(scratch) / "checkpoint"), folder, options=ConvertOptions())
        return
    if variant.backend_options:
        convert(BUNDLED, folder, options=ConvertOptions(backend_options=variant.backend_options))
        return
    shutil.copytree(artifact, folder, copy_function=_link)
    manifest = json.loads((artifact / "mmoe.json").read_text(encoding="utf-8"))
    manifest["runtime"] |= dict(variant.sampling)
    changed = {}
    if variant.template is not None:
        changed["chat_template.jinja"] = (TEMPLATES / variant.template).read_text(encoding="utf-8")
        changed["tokenizer.json"] = _renamed(
            (artifact / "tokenizer.json").read_text(encoding="utf-8"), variant
        )
        manifest["runtime"]["special_tokens"] = dict(variant.names)
    if variant.tokenizer:
        tokenizer = json.loads((artifact / "tokenizer.json").read_text(encoding="utf-8"))
        changed["tokenizer.json"] = json.dumps(tokenizer | dict(variant.tokenizer))
    for name, text in changed.items():
        (folder / name).unlink()
        (folder / name).write_text(text, encoding="utf-8")
        manifest["files"][name]["bytes"] = len(text.encode())
    (folder / "mmoe.json").unlink()
    (folder / "mmoe.json").write_text(json.dumps(manifest), encoding="utf-8")


def write_stand_in(variant: Variant, folder: Path) -> Path:
    """Writes the checkpoint of a variant that has a `stand_in`, as its family's are: names, template, ids.

    Args:
        variant: One with a `stand_in`.
        folder: Where to; it is made.

    Returns:
        The folder.
    """
    assert variant.stand_in is not None
    assert variant.template is not None
    shutil.copytree(STAND_INS / variant.stand_in, folder)
    shutil.copyfile(TEMPLATES / variant.template, folder / "chat_template.jinja")
    tokenizer = json.loads(_renamed((folder / "tokenizer.json").read_text(encoding="utf-8"), variant))
    tokenizer["post_processor"] = None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | dict(variant.ids)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings = {name: value for name, value in settings.items() if not name.endswith("_token")}
    changed = {
        "tokenizer.json": tokenizer,
        "config.json": config,
        "tokenizer_config.json": settings | dict(variant.names),
    }
    for name, document in changed.items():
        (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return folder


def write_variants(artifact: Path, folder: Path) -> None:
    """Writes all of them, each into a folder of its name."""
    for name, variant in VARIANTS.items():
        write_variant(artifact, variant, folder / name)


def _renamed(tokenizer: str, variant: Variant) -> str:
    """The text of a tokenizer.json with other special tokens, all at once, since one may have the text of another."""
    tokens = dict(zip(map(json.dumps, PLACES), map(json.dumps, variant.tokens), strict=False))
    return re.sub("|".join(map(re.escape, tokens)), lambda found: tokens[found[0]], tokenizer)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def main() -> None:
    """Writes them."""
    artifact, folder = map(Path, sys.argv[1:])
    write_variants(artifact, folder)


if __name__ == "__main__":
    main()
