"""Options that several verbs share."""

from typing import Annotated

import typer

from mmoe.runtime_bindings.python.core import MAX_THREADS

Json = Annotated[bool, typer.Option("--json", help="Print the result on stdout as JSON, and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing on stderr but errors.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Also show warnings and logs of PyTorch and ExecuTorch."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an artifact that is there already.")]
Revision = Annotated[
    str | None,
    typer.Option(help="Branch, tag or commit of a hub id.", show_default="the hub's default branch"),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_THREADS,
        help="Threads of the runtime.",
        show_default="the runtime's choice for this CPU",
    ),
]
