"""JSON on stdout: one document a run, the result or the failure."""

import json
import sys
from collections.abc import Mapping, Sequence

from mmoe.export.cli.ui.streams import OutputError, discard_output, explained_output
from mmoe.export.cli.ui.visible import visible_json

SCHEMA_VERSION = 1
"""Of every document that does not have its own."""


class _Output:
    wanted = False
    written = False


def begin(arguments: Sequence[str]) -> None:
    """A run begins; whether JSON is wanted shows in its arguments, which may turn out to be wrong ones."""
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    _Output.wanted = "--json" in options
    _Output.written = False


def want() -> None:
    """The verb's options ask for JSON."""
    _Output.wanted = True


def write_result(data: Mapping[str, object]) -> None:
    """Writes the result."""
    _Output.written = True
    document = {"schema_version": SCHEMA_VERSION, **data}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with explained_output():
        sys.stdout.write(f"{visible_json(text)}\n")


def write_failure(message: str) -> None:
    """Writes why there is no result, if JSON is wanted and there is none."""
    if _Output.wanted and not _Output.written:
        try:
            write_result({"error": message})
        except (OSError, OutputError):
            # Stderr has told it.
            discard_output()
