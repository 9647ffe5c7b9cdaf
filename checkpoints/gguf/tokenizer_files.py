"""`tokenizer.json` and its settings from the metadata of a GGUF file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.gguf.gguf_file import GgufFile
from mmoe.checkpoints.names import shown
from mmoe.checkpoints.special_tokens import SETTINGS_FILE
from mmoe.checkpoints.tokenizer import TOKENIZER_FILE

_PREFIX = "tokenizer.ggml."
_TEMPLATE = "tokenizer.chat_template"
# Of `token_type`.
_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5
_TYPES = range(7)

Part = dict[str, object]

_BYTE_LEVEL: Part = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def _cut(pattern: str) -> Part:
    split: Part = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, _BYTE_LEVEL | {"use_regex": False}]}


def _cl100k(digits: str) -> str:
    return (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


_SINGLE_DIGITS: Part = {
    "type": "Sequence",
    "pretokenizers": [{"type": "Digits", "individual_digits": True}, _BYTE_LEVEL],
}
_PRE_TOKENIZERS: Mapping[str, Part] = {
    "gpt-2": _BYTE_LEVEL,
    "olmo": _BYTE_LEVEL,
    "refact": _SINGLE_DIGITS,
    "starcoder": _SINGLE_DIGITS,
    "qwen2": _cut(_cl100k("")),
    "dbrx": _cut(_cl100k("{1,3}")),
    "llama-bpe": _cut(_cl100k("{1,3}")),
    "lfm2": _cut(_cl100k("{1,3}")),
}
"""By `tokenizer.ggml.pre`, what cuts a text into words; as llama.cpp has them."""

_WHOLE_WORDS_FIRST = ("llama-bpe", "lfm2")
_BOS_UNLESS_DENIED = _WHOLE_WORDS_FIRST
"""Texts cut in these ways begin with BOS where the metadata does not say whether they do."""
_COMPOSED = ("olmo", "qwen2")


def write_tokenizer_files(file: GgufFile, folder: Path) -> None:
    """Writes the tokenizer and, if the metadata has one, the chat template.

    Raises:
        TokenizerError: the tokenizer is of a kind that is not read here, or its lists do not fit each other.
    """
    kind, pre = file.value(f"{_PREFIX}model"), file.value(f"{_PREFIX}pre")
    if kind != "gpt2":
        raise TokenizerError(f"{file.path}: {_PREFIX}model is {kind!r}; gpt2 (byte-level BPE) is read here")
    if not isinstance(pre, str) or pre not in _PRE_TOKENIZERS:
        raise TokenizerError(
            f"{file.path}: {_PREFIX}pre is {pre!r}; read here are {', '.join(_PRE_TOKENIZERS)}"
        )
    tokens, merges = _texts(file, "tokens"), _texts(file, "merges")
    types = _types(file, tokens)
    _check_tokens(file, tokens)
    added = [
        _added_token(index, token, special=kind_of == _CONTROL)
        for index, (token, kind_of) in enumerate(zip(tokens, types, strict=True))
        if kind_of in (_CONTROL, _USER_DEFINED)
    ]
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if pre in _COMPOSED else None,
        "pre_tokenizer": _PRE_TOKENIZERS[pre],
        "post_processor": _post_processor(file, tokens),
        "decoder": _BYTE_LEVEL,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre in _WHOLE_WORDS_FIRST,
            "vocab": {
                token: index
                for index, (token, kind_of) in enumerate(zip(tokens, types, strict=True))
                if kind_of != _UNUSED
            },
            "merges": _pairs(file, merges),
        },
    }
    _write(folder / TOKENIZER_FILE, document)
    _write(folder / SETTINGS_FILE, _settings(file, tokens))


def _list(file: GgufFile, key: str) -> list[object]:
    value = file.value(_PREFIX + key)
    if not isinstance(value, list):
        raise TokenizerError(f"{file.path}: has no metadata {_PREFIX}{key}; convert the model to GGUF anew")
    return value


def _texts(file: GgufFile, key: str) -> list[str]:
    values = _list(file, key)
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(values):
        raise TokenizerError(f"{file.path}: metadata {_PREFIX}{key} is no list of texts; download it again")
    return texts


def _types(file: GgufFile, tokens: Sequence[str]) -> list[object]:
    types = _list(file, "token_type")
    if len(types) != len(tokens):
        raise TokenizerError(
            f"{file.path}: {len(tokens)} tokens but {len(types)} entries of {_PREFIX}token_type"
        )
    strange = next((index for index, kind in enumerate(types) if kind not in _TYPES), None)
    if strange is not None:
        raise TokenizerError(
            f"{file.path}: metadata {_PREFIX}token_type is {types[strange]!r} for token {strange}, where 0 to 6 are "
            "types of tokens; download it again"
        )
    return types


def _check_tokens(file: GgufFile, tokens: Sequence[str]) -> None:
    """Refuses what makes no vocabulary of the model's: llama.cpp ends there too."""
    rows = file.tensors["token_embd.weight"].shape[0]
    if len(tokens) != rows:
        raise TokenizerError(
            f"{file.path}: metadata {_PREFIX}tokens has {len(tokens)} tokens, but token_embd.weight has {rows} rows; "
            "convert the model to GGUF anew"
        )
    first: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if first.setdefault(token, index) != index:
            raise TokenizerError(
                f"{file.path}: metadata {_PREFIX}tokens has {shown(token)} twice, as token {first[token]} and token "
                f"{index}; download it again"
            )


def _pairs(file: GgufFile, merges: Sequence[str]) -> list[list[str]]:
    pairs = [merge.split(" ") for merge in merges]
    strange = next((index for index, pair in enumerate(pairs) if len(pair) != 2 or "" in pair), None)
    if strange is not None:
        raise TokenizerError(
            f"{file.path}: metadata {_PREFIX}merges has {shown(merges[strange])} at {strange}, which is no pair of "
            "tokens; download it again"
        )
    return pairs


def _added_token(index: int, content: str, *, special: bool) -> Part:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": content, "special": special, **plain}


def _named_token(file: GgufFile, tokens: Sequence[str], name: str) -> str | None:
    key = f"{_PREFIX}{name}_token_id"
    index = file.value(key)
    if index is None:
        return None
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(tokens):
        raise TokenizerError(
            f"{file.path}: metadata {key} is {index!r}, which is none of its {len(tokens)} tokens; correct it"
        )
    return tokens[index]


def _post_processor(file: GgufFile, tokens: Sequence[str]) -> Part | None:
    """What begins every text, where the metadata asks for it or the way of cutting does."""
    bos, asked = _named_token(file, tokens, "bos"), file.value(f"{_PREFIX}add_bos_token")
    if not isinstance(asked, bool | None):
        raise TokenizerError(
            f"{file.path}: metadata {_PREFIX}add_bos_token is {asked!r}, which is no truth value; correct it"
        )
    if asked is None:
        asked = file.value(f"{_PREFIX}pre") in _BOS_UNLESS_DENIED
    if bos is None or not asked:
        return None
    special: Part = {"SpecialToken": {"id": bos, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [special, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [file.value(f"{_PREFIX}bos_token_id")], "tokens": [bos]}},
    }


def _settings(file: GgufFile, tokens: Sequence[str]) -> Part:
    settings: Part = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        settings[f"{name}_token"] = _named_token(file, tokens, key)
    template = file.value(_TEMPLATE)
    if not isinstance(template, str | None):
        raise TokenizerError(f"{file.path}: metadata {_TEMPLATE} is no text; correct it")
    return settings | ({} if template is None else {"chat_template": template})


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
