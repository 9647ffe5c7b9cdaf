"""Where a verb speaks: results on stdout, talk on stderr."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType

from mmoe.export.cli.ui.noise import silence_libraries
from mmoe.export.cli.ui.progress import LineProgress, LiveProgress
from mmoe.export.cli.ui.signals import StoppableProgress
from mmoe.export.progress import SILENT, Progress

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
        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
        self._out = Console(width=width, highlight=False)
        self._err = Console(stderr=True, highlight=False)
        if not verbose:
            silence_libraries()

    def say(self, text: str) -> None:
        """Talks to the user on stderr, unless told to be quiet."""
        if not self._quiet:
            self._err.print(text, soft_wrap=True, markup=False)

    def show(self, *renderables: RenderableType) -> None:
        """Shows a result on stdout, unless it is wanted as JSON."""
        if not self.as_json:
            for renderable in renderables:
                self._out.print(renderable, soft_wrap=isinstance(renderable, str), markup=False)

    def write(self, text: str) -> None:
        """Streams a piece of a result to stdout at once and as it is, unless it is wanted as JSON."""
        if not self.as_json:
            sys.stdout.write(text)
            sys.stdout.flush()

    def result(self, data: object) -> None:
        """Prints a result as JSON on stdout, if that is wanted."""
        if self.as_json:
            json.dump(data, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
            sys.stdout.write("\n")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Shows the phases of a piece of work on stderr."""
        if self._quiet:
            yield StoppableProgress(SILENT)
        else:
            display = LiveProgress(self._err) if self._err.is_terminal else LineProgress(self._err)
            with display as progress:
                yield StoppableProgress(progress)
