"""Names that somebody else chose for tensors and keys, where they become part of a message."""

from __future__ import annotations

import re

# Of a tensor; those of released checkpoints have up to 80 characters.
_LONGEST_NAME = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_name(name: str) -> bool:
    """Whether a name fits into a line of a message; one with line ends could pretend to be another message."""
    return len(name) <= _LONGEST_NAME and not _CONTROL.search(name)


def shown(name: object) -> str:
    """A name, or what stands where one should be, as a message quotes it."""
    text = repr(name)
    return text if len(text) <= 100 else f"{text[:100]}..."
