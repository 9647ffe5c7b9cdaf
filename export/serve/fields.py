"""Reads members of a JSON object, each of its kind and in its range; what is wrong names the member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmoe.export.serve.errors import ApiError, refuse

_MISSING = object()


class Fields:
    """The members of a request. What nobody has asked for at the end is unknown, and refused."""

    def __init__(self, body: Mapping[str, Any], within: str = "") -> None:
        """Nothing has been asked for yet.

        Args:
            body: The members.
            within: What errors put before a member's name.
        """
        self._body = dict(body)
        self._within = within
        self._asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """The member as it is; null counts as absent."""
        self._asked.add(name)
        value = self._body.get(name)
        return default if value is None else value

    def text(self, name: str, default: str | None = None) -> str | None:
        """A string."""
        value = self.get(name, default)
        if value is not None and not isinstance(value, str):
            raise self._refuse(name, f"must be a string, not {_kind(value)}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise self._refuse(name, f"must be true or false, not {_kind(value)}")
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number from `least` to `most`, or the default, which need not lie there."""
        value = self.get(name, _MISSING)
        if value is _MISSING:
            return default
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            raise self._refuse(name, f"must be a number from {least:g} to {most:g}, not {_shown(value)}")
        return float(value)

    def integer(self, name: str, default: int | None, least: int, most: int) -> int | None:
        """An integer from `least` to `most`, or the default."""
        value = self.get(name, _MISSING)
        if value is _MISSING:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._refuse(name, f"must be an integer from {least} to {most}, not {_shown(value)}")
        return value

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A string or a list of at most so many, none of them empty."""
        value = self.get(name, ())
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list | tuple) or not all(isinstance(each, str) and each for each in values):
            raise self._refuse(name, "must be a string or a list of strings, none of them empty")
        if len(values) > most:
            raise self._refuse(name, f"must have at most {most} strings, not {len(values)}")
        return tuple(values)

    def ignore(self, *names: str) -> None:
        """Members that have no meaning here and change nothing: who asks, what is to be kept."""
        self._asked.update(names)

    def require_all_known(self) -> None:
        """Refuses members that nobody has asked for."""
        for name in self._body:
            if name not in self._asked:
                raise self._refuse(name, "is not known to this server")

    def _refuse(self, name: str, message: str) -> ApiError:
        return refuse(self._within + name, message)


def _kind(value: object) -> str:
    names = {str: "a string", bool: "a boolean", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, int | float) else _kind(value)
