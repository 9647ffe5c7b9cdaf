"""Rich's console, which draws tables and progress, for text that may be hostile."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mmoe.export.cli.ui.visible import visible


class SafeConsole(Console):
    """Shows unsafe characters as their escapes wherever in a table they are, and takes no text for Rich's markup."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        """Opens stdout or stderr.

        Args:
            stderr: Whether it is stderr.
            width: In columns; None for the terminal's.
        """
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Every piece of text passes here; pieces with a control code are Rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
