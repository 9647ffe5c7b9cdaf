"""`mmoe-export push`: an artifact becomes a repository on the Hugging Face hub."""

from pathlib import Path
from typing import Annotated

import typer

from mmoe.export.cli.ui.options import Json, Quiet, Verbose
from mmoe.export.cli.ui.tables import field_table, size_table
from mmoe.export.cli.ui.terminal import Terminal

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export push mobilemoe-s my-name/MobileMoE-S-ExecuTorch --dry-run

mmoe-export push mobilemoe-s my-name/MobileMoE-S-ExecuTorch --private --licence-checked
"""


def push(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    repository: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="Repository on the hub; made if there is none.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Only for its owner; a public repository is refused.")
    ] = False,
    licence_checked: Annotated[
        bool,
        typer.Option(
            "--licence-checked",
            help="You have read the licence of the weights, and it lets you publish them there.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show what would be published; ask the hub nothing.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Publish an artifact on the Hugging Face hub, with its card, in one commit.

    Of weights whose licence is not known to let anybody publish them, it wants --licence-checked.

    The card is made anew and carries the licence, the base model and the figures of the last verification.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    from mmoe.export.push.push import prepare

    with terminal.progress() as progress:
        progress.phase("Checking the artifact")
        upload = prepare(artifact, repository, licence_checked=licence_checked)
    verification = {None: "not yet; run mmoe-export verify", True: "passed", False: "FAILED"}[upload.verified]
    terminal.show(
        field_table(
            {
                "repository": f"{repository}, private" if private else repository,
                "licence": upload.licence or "not stated by the checkpoint",
                "verification": verification,
            }
        ),
        size_table(upload.sizes, title="files"),
    )
    published = None
    if not dry_run:
        terminal.say(f"Publishing {repository}")
        published = upload.send(private=private)
        terminal.show(f"Published: {published.url}")
    terminal.result(
        {
            "repository": repository,
            "private": private,
            "licence": upload.licence,
            "verified": upload.verified,
            "files": upload.sizes,
            "commit": published and published.commit,
            "url": published and published.url,
        }
    )
