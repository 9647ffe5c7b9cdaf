"""Where a verb speaks: results on stdout, diagnostics on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from mmoe.backends.quiet import show_known_messages
from mmoe.export.cli.ui import json_output
from mmoe.export.cli.ui.signals import StoppableProgress
from mmoe.export.cli.ui.streams import explained_output, print_diagnostic
from mmoe.export.cli.ui.visible import visible
from mmoe.export.progress import SILENT, Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mmoe.export.cli.ui.console import SafeConsole

# A table in a pipe or a file should not be squeezed into the 80 columns of no terminal.
_PIPE_WIDTH = 160


class Terminal:
    """Stdout and stderr as one verb uses them.

    Attributes:
        as_json: Whether the result is JSON.
        verbose: Whether the libraries underneath may speak.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self._quiet = quiet
        if as_json:
            json_output.want()
        if verbose:
            show_known_messages()

    @cached_property
    def _out(self) -> SafeConsole:
        from mmoe.export.cli.ui.console import SafeConsole

        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
        return SafeConsole(width=width)

    def say(self, text: str) -> None:
        """Tells the user something on stderr, unless told to be quiet."""
        if not self._quiet:
            print_diagnostic(visible(text))

    def show(self, *renderables: RenderableType) -> None:
        """Shows a result on stdout, unless it is wanted as JSON."""
        if not self.as_json:
            with explained_output():
                for renderable in renderables:
                    self._out.print(renderable, soft_wrap=isinstance(renderable, str), markup=False)

    def write(self, text: str) -> None:
        """Streams a piece of a result to stdout at once, unless it is wanted as JSON: as it is, but for a terminal."""
        if not self.as_json:
            with explained_output():
                sys.stdout.write(visible(text) if sys.stdout.isatty() else text)

    def result(self, data: Mapping[str, object]) -> None:
        """Prints a result as JSON on stdout, if that is wanted; without a `schema_version` of its own it gets one."""
        if self.as_json:
            json_output.write_result(data)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Shows the phases of a piece of work on stderr."""
        if self._quiet:
            yield StoppableProgress(SILENT)
            return
        from mmoe.export.cli.ui.console import SafeConsole
        from mmoe.export.cli.ui.progress import LineProgress, LiveProgress

        console = SafeConsole(stderr=True)
        display = LiveProgress(console) if console.is_terminal else LineProgress(console)
        with display as progress:
            yield StoppableProgress(progress)
