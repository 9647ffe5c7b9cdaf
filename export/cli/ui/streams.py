"""Stdin, stdout and stderr of the process: open whoever started it, lenient about text, and honest about failures."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from mmoe.runtime_bindings.python.errors import MmoeError

_STREAMS = ("stdin", "stdout", "stderr")


class OutputError(MmoeError):
    """Stdout cannot be written."""


def prepare_streams() -> None:
    """Opens those of the three that are closed, and says how the others deal with text that they cannot show."""
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character is no reason to stop.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdin, TextIOWrapper):
        # What is no UTF-8 keeps its bytes, as arguments of the process do; the tokenizer reads them as U+FFFD.
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")


@contextmanager
def explained_output() -> Iterator[None]:
    """Turns an OSError of writing to stdout into an OutputError, but not that its reader has gone."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        raise OutputError(f"standard output: cannot be written ({error.strerror})") from error


def print_diagnostic(text: str) -> None:
    """Says something on stderr; where that cannot be written there is nobody to tell, and the work goes on."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def discard_output() -> None:
    """From now on stdout leads nowhere, so that Python does not fail again with what is left when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def flush_or_discard() -> None:
    """Writes what is left for stdout, and what cannot be written is lost."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()


def _open_closed() -> None:
    """Gives closed standard descriptors to the null device: the next file that is opened would get the number of one.

    Whatever a library prints would then land in that file, be it the artifact's.
    """
    for descriptor, name in enumerate(_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "r" if descriptor == 0 else "w", closefd=False))
