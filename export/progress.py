"""How the library tells of long work; whoever calls it decides what to show."""

from typing import Protocol


class Progress(Protocol):
    """Receives the phases of a piece of work."""

    def phase(self, title: str) -> None:
        """A phase begins, and the one before it is over."""
        ...

    def step(self, done: int, total: int) -> None:
        """`done` of `total` equal parts of the current phase are over."""
        ...


class Silent:
    """Progress that nobody watches."""

    def phase(self, title: str) -> None:
        """Ignored."""

    def step(self, done: int, total: int) -> None:
        """Ignored."""


SILENT = Silent()
