"""Options that several verbs share."""

from typing import Annotated

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on stdout, and nothing else there.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Say nothing on stderr but errors.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show the warnings and the log of PyTorch and ExecuTorch too."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the artifact that is there.")]
Revision = Annotated[
    str | None,
    typer.Option(help="Branch, tag or commit of a hub id.", show_default="the hub's default branch"),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of the runtime.", show_default="the runtime's choice for this CPU"),
]
