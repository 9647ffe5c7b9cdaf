"""The command `mmoe-export`: its verbs, its exit codes, and how every error is told.

Exit codes: 0 done; 1 the input, the artifact or the machine is at fault, or a gate failed; 2 wrong usage;
130 interrupted; 143 and 129 terminated.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.main import get_command

from mmoe.export.cli.ui import json_output
from mmoe.export.cli.ui.signals import stop_code, stop_on_signals
from mmoe.export.cli.ui.usage import UsageError, explain_usage
from mmoe.export.cli.ui.visible import visible
from mmoe.runtime_bindings.python.errors import MmoeError

PROGRAM = "mmoe-export"
INTERRUPTED = 130

# Modules beside this one, each with a function of its name and its EXAMPLES, in the order of the help.
VERBS = ("convert", "inspect", "verify", "generate", "chat", "bench", "profile", "cost", "synthesize", "demo")


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command with the one verb that the arguments begin with, or else with all.

    A verb's module brings along what its options are made of, which the others need not wait for.
    """
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="See what it does in a few minutes, with a checkpoint that is included: "
        "[bold]mmoe-export demo[/bold]",
    )
    app.callback()(_options)
    for verb in arguments[:1] if arguments and arguments[0] in VERBS else VERBS:
        module = importlib.import_module(f"mmoe.export.cli.{verb}")
        app.command(verb, epilog=module.EXAMPLES)(getattr(module, verb))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from mmoe.export.artifact.versions import installed_versions

        own, *others = (f"{name} {version}" for name, version in installed_versions().items())
        typer.echo(f"{own} ({', '.join(others)})")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print versions and exit."),
    ] = False,
) -> None:
    """Exact export of QAT Mixture-of-Experts checkpoints to ExecuTorch: convert, verify, run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: What follows the program's name; None takes them from the process.

    Returns:
        The exit code.
    """
    # OpenMP threads that wait by spinning slow PyTorch down a hundredfold on cores that others use, too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character is no reason to stop.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdin, TextIOWrapper):
        # What is no UTF-8 keeps its bytes, as arguments of the process do; the tokenizer reads them as U+FFFD.
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    given = sys.argv[1:] if arguments is None else arguments
    json_output.begin(given)
    stop_on_signals()
    try:
        code = _run(given)
    except Exception:
        # Whatever a library makes of being interrupted.
        if (asked := stop_code()) is None:
            raise
        code = asked
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
        json_output.write_failure("interrupted")
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = get_command(build_app(arguments)).main(
            args=arguments, prog_name=PROGRAM, standalone_mode=False
        )
    except UsageError as error:
        sys.stderr.write(visible(explain_usage(error)))
        json_output.write_failure(error.format_message())
        return error.exit_code
    except MmoeError as error:
        if stop_code() is not None:
            raise
        print(visible(f"error: {error}"), file=sys.stderr)
        json_output.write_failure(str(error))
        return 1
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0
