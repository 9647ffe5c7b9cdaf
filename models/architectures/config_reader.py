"""Typed access to a parsed JSON object, where every mismatch is a `ConfigError` naming file and key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn, TypeGuard

from mmoe.models.errors import ConfigError


class ConfigReader:
    """Reads values of one JSON object by key; ``where`` and ``prefix`` are what messages call it."""

    def __init__(self, data: Mapping[str, object], *, where: str, prefix: str = "") -> None:
        self._data = data
        self._where = where
        self._prefix = prefix

    def require_keys(self, keys: Iterable[str]) -> None:
        """Raises: ConfigError: naming every one of ``keys`` that is missing."""
        missing = [f"'{self._prefix}{key}'" for key in keys if key not in self._data]
        if missing:
            noun = "key" if len(missing) == 1 else "keys"
            raise ConfigError(
                f"{self._where}: {noun} {', '.join(missing)} missing; take the file from the "
                "checkpoint's own repository, where each of them is set"
            )

    def integer(self, key: str, *, minimum: int = 1, multiple_of: int = 1) -> int:
        """An integer of at least ``minimum`` that ``multiple_of`` divides."""
        value = self._data.get(key)
        if not _is_integer(value) or value < minimum:
            self.refuse(key, f"an integer of at least {minimum}")
        if value % multiple_of:
            self.refuse(key, f"a multiple of {multiple_of}, as the packed format needs")
        return value

    def number(self, key: str) -> float:
        """A finite number above zero."""
        value = self._data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            self.refuse(key, "a number above zero")
        return float(value)

    def boolean(self, key: str) -> bool:
        """`true` or `false`."""
        value = self._data.get(key)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def integers(self, key: str, *, length: int, allowed: tuple[int, ...]) -> tuple[int, ...]:
        """A list of ``length`` integers, each one of ``allowed``."""
        value = self._data.get(key)
        expected = f"a list of {length} integers, each one of {', '.join(map(str, allowed))}"
        if not isinstance(value, list) or len(value) != length:
            self.refuse(key, expected)
        if not all(_is_integer(item) and item in allowed for item in value):
            self.refuse(key, expected)
        return tuple(value)

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._data.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(key, "a list of strings")
        return tuple(value)

    def token_ids(self, key: str, *, vocab_size: int) -> tuple[int, ...]:
        """One token id or a non-empty list of them, each below ``vocab_size``."""
        value = self._data.get(key)
        ids = value if isinstance(value, list) else [value]
        if not ids or not all(_is_integer(item) and 0 <= item < vocab_size for item in ids):
            self.refuse(key, f"one token id or a list of them, each below vocab_size = {vocab_size}")
        return tuple(ids)

    def fixed(self, key: str, supported: object) -> None:
        """Refuses every value but ``supported``; `true` is not 1 here."""
        value = self._data.get(key)
        if type(value) is not type(supported) or value != supported:
            self.refuse(key, json.dumps(supported))

    def child(self, key: str) -> ConfigReader:
        """The JSON object under ``key``."""
        value = self._data.get(key)
        if not isinstance(value, dict):
            self.refuse(key, "a JSON object")
        return ConfigReader(value, where=self._where, prefix=f"{self._prefix}{key}.")

    def text(self, key: str) -> str:
        """A string."""
        value = self._data.get(key)
        if not isinstance(value, str):
            self.refuse(key, "a string")
        return value

    def is_null(self, key: str) -> bool:
        """Whether the key is absent or `null`."""
        return self._data.get(key) is None

    def refuse(self, key: str, supported: str) -> NoReturn:
        """Raises: ConfigError: naming the key, what was found and what is supported."""
        found = _shorten(json.dumps(self._data[key])) if key in self._data else "missing"
        raise ConfigError(f"{self._where}: key '{self._prefix}{key}' is {found}; supported: {supported}")


def read_json_object(path: Path) -> dict[str, object]:
    """Parses a JSON file whose top level is an object.

    Raises:
        ConfigError: when the file is missing, unreadable, not JSON, or not an object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: file missing; a checkpoint folder needs {path.name}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: is not a JSON object at its top level")
    return data


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _shorten(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
