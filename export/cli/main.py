"""The command `mmoe-export`: its verbs, its exit codes, and how every error is told.

Exit codes: 0 done; 1 the input, the artifact or the machine is at fault, or a gate failed; 2 wrong usage;
130 interrupted; 143 and 129 terminated.
"""

import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from mmoe.export.cli.ui import json_output
from mmoe.export.cli.ui.signals import stop_code, stop_on_signals
from mmoe.export.cli.ui.streams import discard_output, flush_or_discard, prepare_streams, print_diagnostic
from mmoe.export.cli.ui.usage import UsageError, explain_usage
from mmoe.export.cli.ui.visible import visible
from mmoe.export.limits import explained_limits
from mmoe.runtime_bindings.python.errors import MmoeError

PROGRAM = "mmoe-export"
INTERRUPTED = 130
_LONGEST_MESSAGE = 10_000

# Modules beside this one, each with a function of its name and its EXAMPLES, in the order of the help.
VERBS = (
    "convert",
    "inspect",
    "verify",
    "generate",
    "chat",
    "serve",
    "perplexity",
    "eval",
    "bench",
    "profile",
    "push",
    "cost",
    "synthesize",
    "demo",
)


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
    prepare_streams()
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
        print_diagnostic("interrupted")
        json_output.write_failure("interrupted")
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        with explained_limits("this command"):
            code = get_command(build_app(arguments)).main(
                args=arguments, prog_name=PROGRAM, standalone_mode=False
            )
            sys.stdout.flush()
    except UsageError as error:
        if told := visible(explain_usage(error)):
            print_diagnostic(told)
        json_output.write_failure(error.format_message())
        return error.exit_code
    except BrokenPipeError:
        # Whoever read stdout has what was wanted.
        discard_output()
        return 1
    except (MmoeError, OSError) as error:
        if stop_code() is not None:
            raise
        # Of the system's own refusals these are the ones that nobody foresaw: a folder without permission, a bad disk.
        message = _shortened(str(error) if isinstance(error, MmoeError) else _refusal(error))
        print_diagnostic(_one_message(message))
        json_output.write_failure(message)
        flush_or_discard()  # the disk behind stdout may be what is full
        return 1
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _refusal(error: OSError) -> str:
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}the system refuses it: {error.strerror or error}"


def _shortened(text: str) -> str:
    """What a message quotes may be as long as a file."""
    more = len(text) - _LONGEST_MESSAGE
    return text if more <= 0 else f"{text[:_LONGEST_MESSAGE]}... (and {more:,} characters more)"


def _one_message(text: str) -> str:
    """An error as it is told; its further lines are indented, so that no stranger's text looks like another error."""
    return re.sub(r"\n(?! )", "\n  ", visible(f"error: {text}"))
