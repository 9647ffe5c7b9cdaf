"""Parses JSON that somebody else wrote, so that whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json

# More digits than any float's range has; Python itself gives up at 4,300 of them.
_MOST_DIGITS = 308
# Nested deeper than any file of a checkpoint, and far from where a recursive reader runs out of stack.
_DEEPEST = 100


def parse_json(text: bytes | str) -> object:
    """The value of a JSON document.

    Args:
        text: The document; bytes are UTF-8.

    Raises:
        ValueError: It is not JSON, nested more than 100 deep, or holds an integer of more than 308 digits or half of a
            surrogate pair, which is no character and could not be written again.
    """
    if isinstance(text, bytes):
        text = text.decode()
    try:
        value: object = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check(value)
    return value


_TOO_DEEP = f"it is nested more than {_DEEPEST} deep"


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it holds an integer of {len(digits):,} digits")
    return int(digits)


def _check(value: object) -> None:
    """Looks at one level after the other, because recursion is what deep nesting would break."""
    level = [value]
    for _ in range(_DEEPEST):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise ValueError(_TOO_DEEP)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        raise ValueError(f"it holds half of a surrogate pair, \\u{half:04x}") from None
