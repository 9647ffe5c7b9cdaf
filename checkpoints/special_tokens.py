"""The named special tokens of a tokenizer, as Hugging Face reads them from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.text_files import read_json

SETTINGS_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"

_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def read_special_tokens(folder: Path) -> dict[str, str | None]:
    """Texts by name, such as ``bos_token``; an explicit `null` is None, and a name that no file has is left out.

    `special_tokens_map.json` has the last word, but only beside a `tokenizer_config.json` that does not list its added
    tokens: that is how transformers tells an old folder from a new one.

    Raises:
        TokenizerError: a file is unreadable, or a token is neither text nor an object with its text.
    """
    settings = read_json(folder / SETTINGS_FILE) or {}
    found = _tokens(settings, folder / SETTINGS_FILE)
    if "added_tokens_decoder" not in settings:
        path = folder / SPECIAL_TOKENS_FILE
        found |= _tokens(read_json(path) or {}, path)
    return found


def _tokens(settings: Mapping[str, object], path: Path) -> dict[str, str | None]:
    return {name: _text(settings[name], name, path) for name in _NAMES if name in settings}


def _text(value: object, name: str, path: Path) -> str | None:
    if value is None:
        return None
    content = value.get("content") if isinstance(value, dict) else value
    if isinstance(content, str):
        return content
    raise TokenizerError(
        f"{path}: key '{name}' is neither a text, nor an object with a text as its content, nor null"
    )
