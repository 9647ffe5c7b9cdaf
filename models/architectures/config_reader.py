"""Typed access to a parsed JSON object, where every mismatch is a `ConfigError` naming file and key."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn, TypeGuard

from mmoe.models.errors import ConfigError
from mmoe.models.files import read_regular
from mmoe.models.json_text import parse_json

# NaN, the infinities and integers that no float holds are all beyond it.
_MAX = sys.float_info.max
# What a count of anything in a model may be: the programs hold them in 32 bits.
_LARGEST_COUNT = (1 << 31) - 1
# Tokens that end a text; each becomes a value of the program, and models have up to five.
_MOST_IDS = 1000


class ConfigReader:
    """Reads values of a JSON object by key; ``where`` and ``prefix`` are what messages call it.

    A value may stand in more than one place, because `config.json` has changed its spelling over the years: `also`
    are further objects in which a key may be found. `null` is the same as absent, and two places that both have a
    value must agree.
    """

    def __init__(
        self,
        data: Mapping[str, object],
        *,
        where: str,
        prefix: str = "",
        also: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Wraps an object.

        Args:
            data: The object.
            where: What messages call the file.
            prefix: What stands before its keys in messages.
            also: Further objects that may have the same keys, by their prefix.
        """
        self._where = where
        self._places = {prefix: data, **(also or {})}
        self._prefix = prefix

    def require_keys(self, keys: Iterable[str | tuple[str, ...]]) -> None:
        """Raises: ConfigError: naming every one of ``keys`` that is missing; of a tuple, one spelling must be there."""
        spellings = dict.fromkeys((key,) if isinstance(key, str) else key for key in keys)
        missing = [f"'{self._prefix}{names[0]}'" for names in spellings if not any(map(self._found, names))]
        if missing:
            noun = "key" if len(missing) == 1 else "keys"
            raise ConfigError(
                f"{self._where}: {noun} {', '.join(missing)} missing; take the file from the "
                "checkpoint's own repository, where each of them is set"
            )

    def integer(
        self, key: str, *, minimum: int = 1, maximum: int = _LARGEST_COUNT, multiple_of: int = 1
    ) -> int:
        """An integer from ``minimum`` to ``maximum`` that ``multiple_of`` divides."""
        value = self._value(key)
        if not _is_integer(value) or value < minimum:
            self.refuse(key, f"an integer of at least {minimum}")
        if value > maximum:
            self.refuse(key, f"an integer of at most {maximum}")
        if value % multiple_of:
            self.refuse(key, f"a multiple of {multiple_of}, as the packed format needs")
        return value

    def number(self, key: str, *, minimum: float | None = None) -> float:
        """A finite number of at least ``minimum``, or above zero."""
        value = self._value(key)
        supported = "a number above zero" if minimum is None else f"a number of at least {minimum}"
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MAX:
            self.refuse(key, supported)
        if value <= 0 if minimum is None else value < minimum:
            self.refuse(key, supported)
        return float(value)

    def boolean(self, key: str) -> bool:
        """`true` or `false`."""
        value = self._value(key)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def integers(self, key: str, *, length: int, allowed: tuple[int, ...]) -> tuple[int, ...]:
        """A list of ``length`` integers, each one of ``allowed``."""
        value = self._value(key)
        expected = f"a list of {length} integers, each one of {', '.join(map(str, allowed))}"
        if not isinstance(value, list) or len(value) != length:
            self.refuse(key, expected)
        if not all(_is_integer(item) and item in allowed for item in value):
            self.refuse(key, expected)
        return tuple(value)

    def layer_indices(self, key: str, *, layers: int) -> tuple[int, ...]:
        """A list of integers, each below ``layers``."""
        value = self._value(key)
        if not isinstance(value, list) or not all(_is_integer(item) and 0 <= item < layers for item in value):
            self.refuse(key, f"a list of layers, each below num_hidden_layers = {layers}")
        return tuple(value)

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(key, "a list of strings")
        return tuple(value)

    def token_ids(self, key: str, *, vocab_size: int) -> tuple[int, ...]:
        """One token id or a non-empty list of them, each below ``vocab_size``."""
        value = self._value(key)
        ids = value if isinstance(value, list) else [value]
        if len(ids) > _MOST_IDS:
            self.refuse(key, f"at most {_MOST_IDS} token ids")
        if not ids or not all(_is_integer(item) and 0 <= item < vocab_size for item in ids):
            self.refuse(key, f"one token id or a list of them, each below vocab_size = {vocab_size}")
        return tuple(ids)

    def fixed(self, key: str, supported: object) -> None:
        """Refuses every value but ``supported``; `true` is not 1 here."""
        value = self._value(key)
        if type(value) is not type(supported) or value != supported:
            self.refuse(key, json.dumps(supported))

    def child(self, *keys: str) -> ConfigReader:
        """The JSON object under the first of ``keys``, and those under the others beside it; absent ones are empty."""
        found: dict[str, Mapping[str, object]] = {}
        for key in keys:
            value = self._value(key)
            if value is None and len(keys) > 1:
                continue
            if not isinstance(value, dict):
                self.refuse(key, "a JSON object")
            found[f"{self._name(key)}."] = value
        prefix, data = next(iter(found.items()), (f"{self._prefix}{keys[0]}.", {}))
        return ConfigReader(data, where=self._where, prefix=prefix, also=found)

    def children(self, key: str) -> tuple[ConfigReader, ...]:
        """The JSON objects of a list."""
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.refuse(key, "a list of JSON objects")
        names = [f"{self._name(key)}[{index}]." for index in range(len(value))]
        return tuple(
            ConfigReader(item, where=self._where, prefix=name)
            for item, name in zip(value, names, strict=True)
        )

    def beside(self, other: ConfigReader, keys: Iterable[str] | None = None) -> ConfigReader:
        """This object, whose keys (None for all of them) may stand in ``other`` as well."""
        wanted = None if keys is None else frozenset(keys)
        also = {
            prefix: {key: value for key, value in data.items() if wanted is None or key in wanted}
            for prefix, data in other._places.items()
        }
        own = self._places[self._prefix]
        return ConfigReader(own, where=self._where, prefix=self._prefix, also={**also, **self._places})

    def text(self, key: str) -> str:
        """A string."""
        value = self._value(key)
        if not isinstance(value, str):
            self.refuse(key, "a string")
        return value

    def keys(self) -> tuple[str, ...]:
        """The keys of the object itself."""
        return tuple(self._places[self._prefix])

    def is_null(self, key: str) -> bool:
        """Whether the key is absent or `null`."""
        return self._value(key) is None

    def says(self, key: str, *values: object) -> bool:
        """Whether a key's value is one of these; None stands for a key that is missing, too."""
        found = None if self.is_null(key) else self._value(key)
        return any(type(found) is type(value) and found == value for value in values)

    def refuse(self, key: str, supported: str) -> NoReturn:
        """Raises: ConfigError: naming the key, what was found and what is supported."""
        found = _shorten(json.dumps(self._value(key))) if self._found(key) else "missing"
        raise ConfigError(f"{self._where}: key '{self._name(key)}' is {found}; supported: {supported}")

    def _found(self, key: str) -> list[str]:
        """The prefixes of the places that have the key, those with a value first."""
        prefixes = [prefix for prefix, data in self._places.items() if key in data]
        return sorted(prefixes, key=lambda prefix: self._places[prefix][key] is None)

    def _name(self, key: str) -> str:
        """The key, with the prefix of the place where its value is."""
        return f"{next(iter(self._found(key)), self._prefix)}{key}"

    def _value(self, key: str) -> object:
        told = {f"{prefix}{key}": self._places[prefix][key] for prefix in self._found(key)}
        told = {name: value for name, value in told.items() if value is not None}
        first = next(iter(told.values()), None)
        if not all(_same(value, first) for value in told.values()):
            found = ", ".join(f"'{name}' is {_shorten(json.dumps(value))}" for name, value in told.items())
            raise ConfigError(
                f"{self._where}: places of one setting disagree: {found}; remove the one that is wrong"
            )
        return first


def read_json_object(path: Path) -> dict[str, object]:
    """Parses a JSON file whose top level is an object.

    Raises:
        ConfigError: when the file is missing, unreadable, not JSON, or not an object.
    """
    try:
        data = parse_json(read_regular(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: file missing; a checkpoint folder needs {path.name}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: is not a JSON object at its top level")
    return data


def _same(first: object, second: object) -> bool:
    """Equality of JSON values, for which `true` is not 1; NaN, which Python's parser takes, is itself."""
    return first is second or (first == second and isinstance(first, bool) == isinstance(second, bool))


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _shorten(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
