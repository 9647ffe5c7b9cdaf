"""Sets of characters as ranges."""

from collections.abc import Iterable

CHARACTERS = [value for value in range(0x110000) if not 0xD800 <= value < 0xE000]


def ranges(characters: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of every run, ascending."""
    found: list[tuple[int, int]] = []
    for value in sorted(characters):
        if found and found[-1][1] + 1 == value:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return found
