"""The tokens that a tokenizer's settings name, as Hugging Face reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.text_files import read_json

SETTINGS_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
DECODER_KEY = "added_tokens_decoder"

_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_EXTRA = ("extra_special_tokens", "additional_special_tokens")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class SpecialTokens:
    """Tokens that a folder's settings name.

    Attributes:
        named: By names such as ``bos_token``, or a family's own such as ``image_token``. An explicit `null` is None,
            and a name that no file has is left out.
        extra: Those without a name.
    """

    named: Mapping[str, AddedToken | None]
    extra: tuple[AddedToken, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """Texts by the names that a chat template may use; of tokens that there are."""
        return {name: token.content for name, token in self.named.items() if token is not None}


def read_special_tokens(folder: Path) -> SpecialTokens:
    """Reads a folder's settings.

    `special_tokens_map.json` has the last word, but only beside a `tokenizer_config.json` that does not list its added
    tokens: that is how transformers tells an old folder from a new one.

    Raises:
        TokenizerError: a file is unreadable, or a token is neither text nor an object with its text.
    """
    settings = read_json(folder / SETTINGS_FILE) or {}
    places = [(settings, folder / SETTINGS_FILE)]
    if DECODER_KEY not in settings:
        path = folder / SPECIAL_TOKENS_FILE
        places.append((read_json(path) or {}, path))
    named: dict[str, AddedToken | None] = {}
    extra: tuple[AddedToken, ...] = ()
    for data, path in places:
        named |= _named(data, path)
        more, without_names = _extra(data, path)
        named |= more
        extra = without_names or extra
    # In the order in which transformers gives ids to those that a tokenizer lacks.
    ordered = [name for name in _NAMES if name in named] + [name for name in named if name not in _NAMES]
    return SpecialTokens({name: named[name] for name in ordered}, extra)


def token_of(value: object, key: str, path: Path) -> AddedToken:
    """A token as settings spell it: a text, or an object with the text as its content.

    Args:
        value: What the file has.
        key: Of the value, for messages.
        path: Of the file, for messages.

    Raises:
        TokenizerError: it is neither.
    """
    if isinstance(value, str):
        return AddedToken(value, special=True)
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        flags = {name: value[name] for name in _FLAGS if name in value}
        wrong = [name for name, flag in flags.items() if not isinstance(flag, bool)]
        if wrong:
            raise TokenizerError(f"{path}: key '{key}.{wrong[0]}' is neither true nor false")
        return AddedToken(value["content"], **flags)
    raise TokenizerError(
        f"{path}: key '{key}' is neither a text, nor an object with a text as its content, nor null"
    )


def _named(settings: Mapping[str, object], path: Path) -> dict[str, AddedToken | None]:
    found = {name: settings[name] for name in _NAMES if name in settings}
    found |= {
        name: value
        for name, value in settings.items()
        if name.endswith("_token") and name not in _NAMES and isinstance(value, str)
    }
    return {name: _special(value, name, path) for name, value in found.items()}


def _extra(
    settings: Mapping[str, object], path: Path
) -> tuple[dict[str, AddedToken | None], tuple[AddedToken, ...]]:
    """Further tokens: with names of their own, or without."""
    key, value = next(((key, settings[key]) for key in _EXTRA if settings.get(key)), (_EXTRA[0], []))
    if isinstance(value, dict):
        return {name: _special(token, f"{key}.{name}", path) for name, token in value.items()}, ()
    if not isinstance(value, list):
        raise TokenizerError(f"{path}: key '{key}' is neither a list of tokens nor an object of them by name")
    tokens = [_special(token, f"{key}[{index}]", path) for index, token in enumerate(value)]
    return {}, tuple(token for token in tokens if token is not None)


def _special(value: object, key: str, path: Path) -> AddedToken | None:
    if value is None:
        return None
    token = token_of(value, key, path)
    token.special = True
    return token
