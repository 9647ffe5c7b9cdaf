"""What stop strings leave of a text, by looking at the whole of it."""

from __future__ import annotations

from collections.abc import Sequence


def cut(text: str, stops: Sequence[str]) -> str:
    """The text before the stop that is complete first; of several that are complete there, the longest."""
    found = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    return text[: min(found)[1]] if found else text


def held_back(text: str, stops: Sequence[str]) -> str:
    """The longest end of a text without stops that one of them may begin with."""
    beginnings = {stop[:length] for stop in stops for length in range(1, len(stop))}
    return next((text[start:] for start in range(len(text)) if text[start:] in beginnings), "")
