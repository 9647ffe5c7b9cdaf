"""What a text must be, from the command line: a schema or a grammar, in a file or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from mmoe.export.cli.ui.usage import UsageError
from mmoe.runtime_bindings.python.errors import OptionError

JsonSchemaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|TEXT",
        help="Answer with JSON that satisfies this schema: a file, or the schema itself, which begins with {.",
    ),
]
GrammarOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Answer within this grammar, in llama.cpp's GBNF."),
]


def read_restriction(json_schema: str | None, grammar: Path | None) -> dict[str, Any]:
    """What `Session.generate` is given of the two options, of which one at most is there.

    Raises:
        UsageError: Both are there.
        OptionError: A file cannot be read.
    """
    if json_schema is not None and grammar is not None:
        raise UsageError("give --json-schema or --grammar, not both")
    if grammar is not None:
        return {"grammar": _content(grammar)}
    if json_schema is None:
        return {}
    is_text = json_schema.lstrip().startswith("{")
    return {"json_schema": json_schema if is_text else _content(Path(json_schema))}


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read ({error})") from error
